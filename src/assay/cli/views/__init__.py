"""What a command does once it runs, and how it looks: modules that import the product, each imported by its command."""
