"""The JAX backend: `gcl_loss`, `contrastive_loss` of any modalities, `cached_value_and_grad`.

`cached_value_and_grad` is for big batches. The names are imported when they are first used, so that
the registry can read this package without JAX. Start reading at `backend`; the folders are those of
`gcl_spec`.
"""

from typing import TYPE_CHECKING

from gcl_spec._lazy import lazy

if TYPE_CHECKING:
    from gcl_jax.cached.step import cached_value_and_grad
    from gcl_jax.loss.functions import contrastive_loss, gcl_loss

__all__ = ["cached_value_and_grad", "contrastive_loss", "gcl_loss"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "cached_value_and_grad": "cached",
        "contrastive_loss": "loss.functions",
        "gcl_loss": "loss.functions",
    },
)
