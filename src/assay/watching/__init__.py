"""Holds versions against the control set before they answer, and again and again after."""
