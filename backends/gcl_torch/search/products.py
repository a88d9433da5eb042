"""The products of a search in PyTorch: `gcl_spec.chunk_products.ChunkProducts`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.dlpack import from_dlpack

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.chunk_products import at_least

__all__ = ["TorchProducts"]


class TorchProducts:
    """Products of blocks of queries with chunks of rows, on one device.

    On a CPU the product lies in memory that is used again, and NumPy compares: torch's own
    comparison and `nonzero` take longer there, and wait for each other's threads.

    Args:
        blocks_QD: blocks of queries, (Q, D) float32 each.
        rows: no chunk has more rows.
        device: the name of a device.
    """

    def __init__(self, blocks_QD: Sequence[FloatArray], *, rows: int, device: str) -> None:
        self._device = torch.device(device)
        self._blocks_QD = [self._there(block_QD) for block_QD in blocks_QD]
        self._rows_CD = self._blocks_QD[0][:0]
        size = max(len(block_QD) for block_QD in blocks_QD) * rows
        self._product = torch.empty(size, dtype=torch.float32, device=self._device)

    def take(self, rows_CD: FloatArray, /) -> None:
        """Hold a chunk of rows, (C, D) float32."""
        self._rows_CD = self._there(rows_CD)

    def product(self, block: int, /) -> torch.Tensor:
        """The product of a block with the rows, (Q, C), when it is computed."""
        product_QC = self._multiply(block)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return product_QC

    def at_least(self, block: int, least_Q: FloatArray, /) -> IntArray:
        """Ascending places, (N,), where the product is at least `least_Q`, (Q,)."""
        product_QC = self._multiply(block)
        if self._device.type != "cpu":
            mask_QC = product_QC >= self._there(least_Q)[:, None]
            return np.asarray(mask_QC.view(-1).nonzero()[:, 0].cpu().numpy())
        return at_least(product_QC.numpy(), least_Q)

    def _multiply(self, block: int) -> torch.Tensor:
        block_QD = self._blocks_QD[block]
        shape = len(block_QD), len(self._rows_CD)
        out_QC = self._product[: shape[0] * shape[1]].view(shape)
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False), _whole_float32():
            return torch.mm(block_QD, self._rows_CD.T, out=out_QC)

    def _there(self, x: FloatArray) -> torch.Tensor:
        """The array on the device; on a CPU it is the same memory."""
        if x.flags.writeable:
            return torch.from_numpy(x).to(self._device)
        try:
            return from_dlpack(x).to(self._device)
        except BufferError:  # torch 2.8 takes no read-only array, but with a warning
            return torch.from_numpy(x.copy()).to(self._device)


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Keep products from TF32 and bfloat16, which a user may have allowed for training."""
    mkldnn: Any = torch.backends.mkldnn
    settings: Any = (torch.backends.cuda.matmul, mkldnn.matmul)
    if not all(hasattr(x, "fp32_precision") for x in settings):  # torch 2.8
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    precisions = [x.fp32_precision for x in settings]
    try:
        for each in settings:
            each.fp32_precision = "ieee"
        yield
    finally:
        for each, precision in zip(settings, precisions, strict=True):
            each.fp32_precision = precision
