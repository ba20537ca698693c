"""What is done in the background: jobs, the schedules that make them, and the trials of a search."""
