"""Ablations: the same training with other objectives, scales and seeds, and what comes of each.

Start reading at `cells`, which says what is trained, and `ablation`, which trains it; `family`
first searches the scale and the learning rate of each objective on validation tasks.
"""

from gcl_spec.ablate.ablation import Ablation
from gcl_spec.ablate.cells import OBJECTIVES, SCALES, Cell
from gcl_spec.ablate.rows import rows_of

__all__ = ["OBJECTIVES", "SCALES", "Ablation", "Cell", "rows_of"]
