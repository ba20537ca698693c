"""What is done with the whole record: it is exported, and what is older than it may get is deleted."""
