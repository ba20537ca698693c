"""The HTTP door: translate, call, translate back."""
