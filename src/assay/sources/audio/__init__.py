"""Recordings: what they are by their content, and their samples, decoded in a process under limits."""
