"""Answering: versions are loaded, asked in batches, explained, and kept apart from those that must not share our process."""
