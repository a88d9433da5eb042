"""The PyTorch backend: the loss `gcl_loss`, `GCLLoss` as a module, `cached_step` for big batches."""

from gcl_torch.cached import cached_step
from gcl_torch.loss import GCLLoss, gcl_loss

__all__ = ["GCLLoss", "cached_step", "gcl_loss"]
