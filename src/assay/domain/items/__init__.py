"""Inputs that are kept, and what every version said of them."""
