"""Contracts that users may run their own recipes through."""
