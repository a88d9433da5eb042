"""Writes a run as a checkpoint in the layout of the one that it started from."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save as to_bytes

from gcl_spec._files.atomic import atomic_folder, atomic_write
from gcl_spec._typing import FloatArray, State
from gcl_spec.config.options import Config
from gcl_spec.config.toml import objective
from gcl_spec.errors import ConfigError
from gcl_spec.export.vista import write_vista
from gcl_spec.models.config_json import read_json, whole_settings
from gcl_spec.models.frames import write_query
from gcl_spec.models.fusion import write_fusion
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.weights import load_weights, weight_shapes
from gcl_spec.run.calibration_files import put_beside
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.weights import trained_weights

__all__ = ["export_run", "loss_numbers"]

_COPIED = (
    "config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
    "spiece.model", "added_tokens.json",
)  # fmt: skip
_SENTENCE_TRANSFORMERS = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.CLIPModel"},
    {
        "idx": 1,
        "name": "1",
        "path": "1_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]


def export_run(
    run: Path,
    out: Path,
    *,
    step: str = "newest",
    allow_unverified: bool = False,
    calibration: str | None = None,
) -> Path:
    """Write the weights of a run as a folder that `from_pretrained` reads, or that of a VISTA.

    It takes the running means of the weights where the run has them. log_scale becomes logit_scale
    (the mean of several), one bias of all logits becomes a SigLIP's logit_bias, and LoRA matrices
    are added to the weights beside which they were trained. Configuration, preprocessing and
    tokenizer are those of the checkpoint that the run started from, but for the type of the
    weights. What weights the frames of videos has a file of its own, frame_query, and so have
    learned weights of the parts of fused rows, fusion. A CLIP also gets the modules.json of
    sentence-transformers, by which it encodes pictures and texts, each alone. A VISTA has a form of
    its own (`gcl_spec.export.vista`).

    Args:
        run: a folder that `gcl train` wrote.
        out: the new folder.
        step: a number, "best" or "newest".
        allow_unverified: also take what has no checksum, as `gcl_spec.load_run` does.
        calibration: the name of one that was fitted for these weights, which goes into `out` as
            calibration.safetensors (`gcl_spec.evaluate.calibrations.read` reads it).

    Raises:
        ConfigError: the run is of another kind of model, or centres its rows, or `out` exists.
        CheckpointError: there is no readable checkpoint.
        FileError: the folder cannot be written.
        DataError: the checkpoint that the run started from is gone.
    """
    folder = RunFolder.open(run, allow_unverified=allow_unverified)
    folder.check()
    config = folder.config()
    if config.model.kind not in ("clip", "vista"):
        raise ConfigError(
            f"{run} is a run of kind {config.model.kind!r}; only clip and vista runs have the form "
            "of a checkpoint: use gcl_spec.load_run to encode with it"
        )
    if config.model.fuse == "centred":
        raise ConfigError(
            f"{run} was trained with model.fuse = centred, whose rows of pictures and texts are "
            "centred by means that the layouts of checkpoints have no place for; gcl export --onnx "
            "writes them beside its graphs, and gcl_spec.load_run encodes with them"
        )
    if out.exists():
        raise ConfigError(f"{out} exists; choose another folder")
    checkpoint = folder.found(step)
    write = _write_clip if config.model.kind == "clip" else write_vista
    with atomic_folder(out) as made:
        put_beside(folder, calibration, checkpoint, made)
        write(config, checkpoint.state, made)
    return out


def _write_clip(config: Config, state: State, out: Path) -> None:
    source = clip_folder(config)
    in_cosines = objective(config.objective, config.model.modalities).bias_unit == "cosine"
    weights = _weights(state, source, in_cosines=in_cosines)
    for name in _COPIED:
        if name != "config.json" and (source / name).is_file():
            shutil.copy(source / name, out / name)
    # The type is that of the written weights, not of the start, or consumers would round them.
    settings = whole_settings(source, weight_shapes(source)) | {"torch_dtype": "float32"}
    (out / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    # transformers (version 5) refuses files that do not say which framework's layouts they have.
    content = to_bytes(weights, {"format": "pt"})
    with atomic_write(out / "model.safetensors", size=len(content)) as file:
        file.write(content)
    trained = trained_weights(state)
    write_fusion(out, config.model, trained)
    if "frame_query" in trained:
        write_query(out, trained["frame_query"])
    if settings.get("model_type") == "clip":
        (out / "modules.json").write_text(json.dumps(_SENTENCE_TRANSFORMERS, indent=2) + "\n")


def _weights(state: State, source: Path, *, in_cosines: bool) -> dict[str, npt.NDArray[Any]]:
    trained = trained_weights(state)
    weights = {n.removeprefix("clip."): x for n, x in trained.items() if n.startswith("clip.")}
    weights = load_weights(source) | weights  # what is not trained stays as it was
    clip = read_json(source / "config.json").get("model_type") == "clip"
    for name, x in loss_numbers(trained, in_cosines=in_cosines).items():
        if name == "logit_bias" and clip:
            continue  # whose layout has none; no search depends on it
        old = weights.get(name, x)
        weights[name] = x.reshape(() if clip else old.shape)  # a CLIP's scale is 0-d
    return {name: np.ascontiguousarray(x) if x.ndim else x for name, x in weights.items()}


def loss_numbers(trained: State, *, in_cosines: bool) -> dict[str, FloatArray]:
    """The scale and the bias of logits as checkpoints have them, shape () each.

    Args:
        trained: the weights; log_scale of shape (), (T,), (M, M) or (G,), and logit_bias of shape
            () or (M, M), which may be missing.
        in_cosines: whether the bias is in units of the cosine: logits are scale * (cos - bias).

    Returns:
        logit_scale, shape (), the logarithm; where there are several their mean, since no search
        depends on them. logit_bias, shape (), which is added to logits, where there is one for all.
    """
    scale = np.asarray(trained["log_scale"].mean())
    numbers = {"logit_scale": scale}
    bias = trained.get("logit_bias")
    if bias is not None and bias.ndim == 0:
        numbers["logit_bias"] = np.asarray(
            -np.exp(scale) * bias if in_cosines else bias, scale.dtype
        )
    return numbers
