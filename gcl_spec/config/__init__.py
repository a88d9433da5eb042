"""The options of a training: dataclasses, the recipes that fill them, and TOML files.

Start reading at `gcl_spec.config.options`, the one list of options; `toml` reads and writes them.
"""

from gcl_spec.config.options import (
    ColumnsConfig,
    Config,
    DataConfig,
    EvalConfig,
    ModelConfig,
    ObjectiveConfig,
    OptimConfig,
    TrainConfig,
)

__all__ = [
    "ColumnsConfig",
    "Config",
    "DataConfig",
    "EvalConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimConfig",
    "TrainConfig",
]
