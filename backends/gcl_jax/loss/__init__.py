"""The loss in JAX: kernels, meshes, derivatives."""
