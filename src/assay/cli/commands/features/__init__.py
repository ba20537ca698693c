"""The commands about feature tables."""
