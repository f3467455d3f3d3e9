"""Input and output, thin and dumb. Shells do not import each other."""
