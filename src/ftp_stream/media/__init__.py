"""Parsing of what cameras upload. Runs in child processes only."""
