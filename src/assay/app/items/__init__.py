"""What is done with kept inputs: taken in, watched, deleted, scored and read."""
