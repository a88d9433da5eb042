"""Samples made into the arrays that a model takes."""
