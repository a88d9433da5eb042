"""Writes a trained VISTA as a folder with a flat state dict under the published names."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save as to_bytes

from gcl_spec._files.atomic import atomic_write
from gcl_spec._typing import State
from gcl_spec.config.options import Config
from gcl_spec.models.fusion import write_fusion
from gcl_spec.models.vista_files import VistaFiles, vista_files
from gcl_spec.models.vista_settings import EVA_FILE, eva_config, text_config
from gcl_spec.models.weights import read_weights
from gcl_spec.run.weights import trained_weights

__all__ = ["write_vista"]

_PREFIX = "vista."
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def write_vista(config: Config, state: State, out: Path) -> None:
    """Write model.safetensors, eva.json and bge/, which `model.path` and FlagEmbedding take.

    What is not trained, such as the pooler that no output depends on, stays as it was. The rotary
    tables are those of the start, all copies of them.

    Args:
        config: the options of the run.
        state: its checkpoint.
        out: an existing folder.

    Raises:
        DataError: the checkpoint that the run started from is gone.
        FileError: a file cannot be written.
    """
    files = vista_files(config)
    write_fusion(out, config.model, trained_weights(state))
    content = to_bytes(_weights(state, files), {"format": "pt"})
    text = out / "bge"
    text.mkdir()
    for name in _TOKENIZER:
        if (files.text / name).is_file():
            shutil.copy(files.text / name, text / name)
    settings = {
        out / EVA_FILE: eva_config(files.settings),
        text / "config.json": text_config(files.settings),
    }
    for path, values in settings.items():
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    with atomic_write(out / "model.safetensors", size=len(content)) as file:
        file.write(content)


def _weights(state: State, files: VistaFiles) -> dict[str, npt.NDArray[Any]]:
    trained = {
        name.removeprefix(_PREFIX): x
        for name, x in trained_weights(state).items()
        if name.startswith(_PREFIX)
    }
    known = files.settings.sizes.shapes()
    kept = {name: x for name, x in read_weights([files.weights]).items() if name in known}
    weights = kept | trained
    return {name: np.ascontiguousarray(x) if x.ndim else x for name, x in weights.items()}
