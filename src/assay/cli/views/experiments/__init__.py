"""Experiments as people see them."""
