"""The JAX backend of gcl-spec."""
