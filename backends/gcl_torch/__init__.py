"""The PyTorch backend: `gcl_loss`, `contrastive_loss` of any modalities, `GCLLoss`, `cached_step`.

`GCLLoss` is the loss as a module, and `cached_step` is for big batches. The names are imported when
they are first used, so that the registry can read this package without torch. Start reading at
`backend`; the folders are those of `gcl_spec`.
"""

from typing import TYPE_CHECKING

from gcl_spec._lazy import lazy

if TYPE_CHECKING:
    from gcl_torch.cached.step import cached_step
    from gcl_torch.loss.functions import contrastive_loss, gcl_loss
    from gcl_torch.loss.module import GCLLoss

__all__ = ["GCLLoss", "cached_step", "contrastive_loss", "gcl_loss"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "GCLLoss": "loss.module",
        "cached_step": "cached",
        "contrastive_loss": "loss.functions",
        "gcl_loss": "loss.functions",
    },
)
