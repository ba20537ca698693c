"""What runs a fitted pipeline: a compiled graph in this process, or the pipeline itself in a process of its own."""
