"""Towers in flax.nnx, with torch's parameter names and layouts."""
