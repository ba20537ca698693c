"""Files of the store: named by their content, in formats that hold no code, and on their way in."""
