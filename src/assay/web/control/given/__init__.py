"""What clients give and order: datasets, queries and trainings."""
