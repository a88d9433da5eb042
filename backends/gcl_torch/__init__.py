"""The PyTorch backend; its loss is `gcl_loss`, or `GCLLoss` as a module."""

from gcl_torch.loss import GCLLoss, gcl_loss

__all__ = ["GCLLoss", "gcl_loss"]
