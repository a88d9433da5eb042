"""What a model's own numbers say of its fused rows, in the loss, in evaluation and in logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from array_api_compat import torch as torch_namespace

from gcl_spec.config.options import ModelConfig
from gcl_spec.loss.part_means import by_modality, moved, row_totals
from gcl_spec.loss.projected import Projected, of_projections
from gcl_spec.models.fusion import COUNTS, MEANS, RATIO
from gcl_spec.objective import Objective, ratio_weights, shares_of_first
from gcl_torch.models.recipes import Model

__all__ = ["Fusing"]


@dataclass(frozen=True)
class Fusing:
    """The fusion of a model that is trained.

    model: the model.
    options: its options.
    objective: the objective of its modalities.
    """

    model: Model
    options: ModelConfig
    objective: Objective

    def projected(
        self,
        rows: Mapping[str, torch.Tensor],
        present: torch.Tensor,
        ids: torch.Tensor,
        *,
        pairs: bool,
    ) -> Projected:
        """What the loss takes of the projections of a batch.

        Args:
            rows: projections (B, D) by modality.
            present: flags (B, G), in the order of the model's given modalities.
            ids: integers (B,).
            pairs: the rows are queries, and behind each its target.
        """
        return of_projections(
            rows,
            self._flags(present),
            ids,
            self.objective,
            fuse=self.options.fuse,
            weights=self._weights(self.model.log_fuse_ratio),
            means=self.means(),
            pairs=pairs,
            xp=torch_namespace,
        )

    def weights(self, averages: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        """The learned weights of the parts of fused rows, shape () each, to encode with.

        Args:
            averages: the running means of parameters of any shape, by name, where there are any.
        """
        return self._weights(averages.get(RATIO, self.model.log_fuse_ratio))

    def means(self) -> dict[str, torch.Tensor]:
        """The means (D,) by which rows are centred, by modality; none where they are not."""
        return by_modality(self._buffers().get(MEANS), self.model.given)

    @torch.no_grad()
    def totals(
        self, rows: Mapping[str, torch.Tensor], present: torch.Tensor, *, spread: bool
    ) -> torch.Tensor | None:
        """The sums and numbers (G, D + 1) of the rows of all processes; None without means.

        Args:
            rows: projections (B, D) by modality.
            present: flags (B, G), in the order of the model's given modalities.
            spread: are there other processes with rows of the batch?
        """
        if not self.means():
            return None
        totals: torch.Tensor = row_totals(
            rows, self._flags(present), self.model.given, xp=torch_namespace
        )
        if spread:
            dist.all_reduce(totals)
        return totals

    @torch.no_grad()
    def move(self, totals: torch.Tensor | None) -> None:
        """Let a usable step's batch move the means.

        Args:
            totals: its sums and numbers, (G, D + 1), from `totals`.
        """
        if totals is None:
            return
        held = self._buffers()
        means, counts = moved(held[MEANS], held[COUNTS], totals, xp=torch_namespace)
        held[MEANS].copy_(means)
        held[COUNTS].copy_(counts)

    @torch.no_grad()
    def seen(self) -> dict[str, Any]:
        """The shares of first parts, shape () each, for logs."""
        return shares_of_first(self._weights(self.model.log_fuse_ratio))

    def _buffers(self) -> dict[str, torch.Tensor]:
        return dict(self.model.named_buffers(recurse=False))

    def _flags(self, present: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(zip(self.model.given, present.T, strict=True))

    def _weights(self, log_ratio_F: torch.Tensor | None) -> dict[str, Any]:
        return ratio_weights(log_ratio_F, self.options.summed, xp=torch_namespace)
