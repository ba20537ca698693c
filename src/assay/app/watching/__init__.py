"""Holds labels models against the control set: before a version answers, after each decision, on a schedule, and when asked."""
