"""Products for exact search in PyTorch (`gcl_spec.search`)."""
