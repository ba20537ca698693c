"""Measures Assay side by side with other servers; prints tables, and never judges a time."""
