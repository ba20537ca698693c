"""Rows that clients give: taken in, and proved by a process of their own."""
