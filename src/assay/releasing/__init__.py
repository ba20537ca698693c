"""Releasing: a fitted recipe becomes a version, and a version is given the word."""
