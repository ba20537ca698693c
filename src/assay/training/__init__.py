"""How versions come to be: snapshot the rows, split them, tune, fit, evaluate."""
