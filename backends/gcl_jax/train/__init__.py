"""Training steps in JAX, on one device or a mesh: start reading at `trainer`, then `step`."""
