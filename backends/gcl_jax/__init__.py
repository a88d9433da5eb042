"""The JAX backend; its loss is `gcl_loss`."""

from gcl_jax.loss import gcl_loss

__all__ = ["gcl_loss"]
