"""Kept inputs in tables: items, what was said of them, and what was refused."""
