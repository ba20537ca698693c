"""The command that lets several versions answer."""
