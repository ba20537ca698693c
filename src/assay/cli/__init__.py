"""The command line: one command a verb, each importing the product only once it runs, so that help is instant."""
