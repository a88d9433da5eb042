"""The JAX backend: `gcl_loss`, `contrastive_loss` of any modalities, `cached_value_and_grad`.

`cached_value_and_grad` is for big batches. The names are imported when they are first used, so that
the registry can read this package without JAX. Start reading at `backend`; the folders are those of
`gcl_spec`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcl_jax.cached.step import cached_value_and_grad
    from gcl_jax.loss.functions import contrastive_loss, gcl_loss

__all__ = ["cached_value_and_grad", "contrastive_loss", "gcl_loss"]

_HOMES = {
    "cached_value_and_grad": "cached",
    "contrastive_loss": "loss.functions",
    "gcl_loss": "loss.functions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gcl_jax' has no attribute {name!r}")
    return getattr(import_module(f"gcl_jax.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
