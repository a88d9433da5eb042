"""Ablations: the same training with other objectives, scales and seeds, and what comes of each."""

from gcl_spec.ablate.ablation import Ablation
from gcl_spec.ablate.cells import OBJECTIVES, SCALES, Cell
from gcl_spec.ablate.rows import rows_of

__all__ = ["OBJECTIVES", "SCALES", "Ablation", "Cell", "rows_of"]
