"""What is kept of entities: their features, with all that they were before."""
