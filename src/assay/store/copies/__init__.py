"""Copies of a whole store: backups, which are homes themselves, taken from either database and put into either."""
