"""Feature tables at work: loading them, and joining them to the rows that a model learns from."""
