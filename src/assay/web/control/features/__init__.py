"""The routes of feature tables."""
