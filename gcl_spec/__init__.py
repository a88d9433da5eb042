"""Generalized Contrastive Learning for universal multimodal retrieval (arXiv 2509.25638).

This is the core, which knows no framework. Start reading at `gcl_spec.objective`, what is
contrasted with what, and `gcl_spec.loss`; docs/architecture.md says where everything else is. The
names here are imported when they are first used, so that `import gcl_spec` stays fast.
"""

from typing import TYPE_CHECKING

from gcl_spec._lazy import lazy

if TYPE_CHECKING:
    from gcl_spec.index import open_index
    from gcl_spec.loss import contrastive_loss, gcl_loss
    from gcl_spec.objective import CLIP, GCL, PAIRWISE, Direction, Objective
    from gcl_spec.run import load_run

__version__ = "0.1.0"

__all__ = [
    "CLIP",
    "GCL",
    "PAIRWISE",
    "Direction",
    "Objective",
    "contrastive_loss",
    "gcl_loss",
    "load_run",
    "open_index",
]

_HOMES = dict.fromkeys(__all__, "objective") | {
    "contrastive_loss": "loss",
    "gcl_loss": "loss",
    "load_run": "run",
    "open_index": "index",
}

__getattr__, __dir__ = lazy(__name__, _HOMES, ["__version__"])
