"""Kept inputs as people and programs see them."""
