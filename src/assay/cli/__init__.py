"""The command line: one command a verb. Modules import the product when a command runs, so that help is instant."""
