"""PyTorch's tensors: the devices for them, and their way from and to NumPy."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import torch
from array_api_compat import torch as torch_namespace

from gcl_spec._typing import ArrayNamespace

__all__ = ["TorchArrays"]


class TorchArrays:
    """What every backend of `torch.Tensor` shares, on one process or many."""

    name = "torch"
    xp: ArrayNamespace = torch_namespace

    def devices(self) -> Sequence[str]:
        """CUDA devices first, where there are any, then the CPU."""
        return (*(f"cuda:{i}" for i in range(torch.cuda.device_count())), "cpu")

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> torch.Tensor:
        """A tensor of the same shape, of the dtype of that name, on `device`."""
        return torch.tensor(x, dtype=getattr(torch, dtype), device=device)

    def to_numpy(self, x: torch.Tensor, /) -> npt.NDArray[Any]:
        """The values on the host, in the same shape; bfloat16, which NumPy lacks, as float32."""
        return (x.float() if x.dtype == torch.bfloat16 else x).detach().cpu().numpy()
