"""Tasks: answered in the background, many at a time, and whoever wants to be told of the end is told."""
