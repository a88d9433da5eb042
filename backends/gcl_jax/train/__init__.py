"""Training steps in JAX, on one device or a mesh."""
