"""The record: every exchange, every prediction, and the group commit that writes them."""
