"""The models of the recipes in flax.nnx."""
