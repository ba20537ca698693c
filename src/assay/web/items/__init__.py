"""Bytes of kept inputs on their way in and out, streamed."""
