"""A case, and its short name in tables."""

from dataclasses import dataclass

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.conformance.cases.fused import Fused
from gcl_spec.objective import GCL, PRESETS, Direction, Objective, all_directions

__all__ = ["Case", "describe"]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The input of a loss, in float64; a check first rounds it to the dtype under test.

    present: (M, B), as in `gcl_spec.backend.Backend.loss_and_grads`. ids: (B,). tile: rows of a
    tile, where the backend computes in tiles.
    """

    name: str
    z_MBD: FloatArray
    log_scale: float | FloatArray
    """A number, or several as the objective's `scales` says."""
    objective: Objective
    present: BoolArray | None = None
    ids: IntArray | None = None
    tile: int | None = None
    weights: FloatArray | None = None
    """Weights (F, 2, B) of the two parts, where `z_MBD` has no rows of the F fused modalities."""
    bias: FloatArray | None = None
    """The shift of the logits, () or (M, M)."""

    @property
    def fused(self) -> Fused:
        """The rows of every modality, and how they follow from those that are given."""
        return Fused(self.z_MBD, self.objective, self.present, self.weights)

    @property
    def contrast(self) -> str:
        """A short name of the objective, and of what the loss fuses itself."""
        fusion = "fused" if self.weights is None else "fused, weighted"
        name = describe(self.objective)
        return f"{name} {fusion}" if len(self.z_MBD) < len(self.objective.modalities) else name

    @property
    def masks(self) -> str:
        """The masks that are given: "none", "present", "ids" or "both"."""
        given = [name for name in ("present", "ids") if getattr(self, name) is not None]
        return "both" if len(given) == 2 else (given or ["none"])[0]


def describe(objective: Objective) -> str:
    """A short name of an objective: its preset, or the options that are not GCL's.

    >>> describe(GCL), describe(Objective(modalities=("a", "b"), self_term="keep"))
    ('gcl', 'M=2 self:keep')
    >>> describe(Objective(reduction="sum"))
    'sum'
    """
    for name, known in PRESETS.items():
        if objective == known:
            return name
    parts = [] if objective.modalities == GCL.modalities else [f"M={len(objective.modalities)}"]
    if _ends(objective.directions) != _ends(all_directions(objective.modalities)):
        parts.append(f"T={len(objective.directions)}")
    weights = {d.weight for d in objective.directions}
    # In a sum the size of equal weights counts as well.
    parts += ["weighted"] if weights != {1.0} and (len(weights) > 1 or _sums(objective)) else []
    options = {"pool": "pool", "self_term": "self", "same_sample": "same"}
    for option, short in {**options, "duplicates": "ids", "balance": "by"}.items():
        if getattr(objective, option) != getattr(GCL, option):
            parts.append(f"{short}:{getattr(objective, option)}")
    parts += ["pools"] if any(d.pool for d in objective.directions) else []
    parts += ["sum"] if _sums(objective) else []
    family = {"positives": "lambda", "hardness": "hard", "debias": "debias", "scales": "scales"}
    for option, short in {**family, "loss": "loss"}.items():
        value = getattr(objective, option)
        if value != getattr(GCL, option):
            parts.append(f"{short}:{value:.2g}" if isinstance(value, float) else f"{short}:{value}")
    parts += ["detached"] if objective.hardness_weights != GCL.hardness_weights else []
    parts += ["cosine bias"] if objective.bias_unit != GCL.bias_unit else []
    return " ".join(parts) or "gcl"  # the order of its directions does not matter


def _ends(directions: tuple[Direction, ...]) -> list[tuple[str, str]]:
    return sorted((d.query, d.target) for d in directions)


def _sums(objective: Objective) -> bool:
    return objective.reduction == "sum"
