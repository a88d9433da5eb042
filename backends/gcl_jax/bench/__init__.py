"""The losses that `gcl bench` measures in JAX."""
