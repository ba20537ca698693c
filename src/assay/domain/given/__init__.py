"""What clients give to be kept: rows under a name, and questions batch by batch."""
