"""Products for exact search in JAX (`gcl_spec.search`)."""
