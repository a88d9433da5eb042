"""What the docstrings of the packages say, read from the source without importing it."""
