"""Where things are kept: all SQL of the product, one module a table, and the files that are named by their content."""
