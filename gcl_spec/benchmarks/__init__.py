"""Retrieval tasks: readers of the published and of our own formats."""
