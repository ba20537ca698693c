"""Routes about kept inputs: which there are, what was said of them."""
