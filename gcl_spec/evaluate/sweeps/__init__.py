"""How a model searches pools in which each concept stands as one of its modalities.

The shares of the modalities are swept over all compositions (arXiv 2507.19054 mixes them so).

Start reading at `sweep`; `compositions` says which pools there are, `pool` measures one of them.
"""

from gcl_spec.evaluate.sweeps.result import Measured, Sweep
from gcl_spec.evaluate.sweeps.sweep import sweep

__all__ = [
    "Measured",
    "Sweep",
    "sweep",
]
