"""Questions in the express lane, as they wait there and are answered."""
