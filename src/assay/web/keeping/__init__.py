"""Keeps the processes of one server alive, and says in a file of the home folder how they are."""
