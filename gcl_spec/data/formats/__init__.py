"""One module for each layout in which samples lie on disk."""
