"""What `gcl bench` measures in JAX."""
