"""Writes a run as ONNX graphs, which are first held to the embeddings of the run itself."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec import registry
from gcl_spec._files.atomic import atomic_folder
from gcl_spec._typing import AnyArray, FloatArray, State
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.export.onnx_model import OnnxModel, graph_names, inputs_of
from gcl_spec.export.quantised import Quantised, quantise, recall_of_both
from gcl_spec.models.frames import VIDEO, framed, seen
from gcl_spec.models.fusion import write_fusion
from gcl_spec.models.pretrained import clip_folder, text_folder
from gcl_spec.models.start import vector_widths
from gcl_spec.models.vista_files import vista_files
from gcl_spec.run.calibration_files import put_beside
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.searches import Searches
from gcl_spec.run.weights import trained_weights

__all__ = ["BOUND", "Exported", "Parity", "export_onnx"]

BOUND = 1e-4
"""The largest accepted difference of a number of a unit row: float32 through some 50 layers."""

_PREPROCESSING = {
    "clip": ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"),
    "lite": ("tokenizer.json",),
    "vista": ("tokenizer.json", "vocab.txt", "tokenizer_config.json"),
    "adapter": (),
}
_WORDS = "a picture of two dogs that sleep on a red sofa beside a window"


@dataclass(frozen=True)
class Parity:
    """How far a graph's unit rows are from those of the run's own model, over some batch sizes."""

    modality: str
    rows: int
    largest_difference: float
    smallest_cosine: float


@dataclass(frozen=True)
class Exported:
    """What an export has written.

    parities: of each graph with the run's own model.
    quantised: the graphs of 8 bits, where they were asked for.
    reports: the evaluations of the graphs, and of those of 8 bits.
    """

    parities: tuple[Parity, ...]
    quantised: tuple[Quantised, ...] = ()
    reports: tuple[Report, Report] | None = None


def export_onnx(
    run: Path,
    out: Path,
    *,
    step: str = "newest",
    allow_unverified: bool = False,
    calibration: str | None = None,
    int8: Searches | None = None,
    backend: str = "torch",
) -> Exported:
    """Write the weights of a run as `image.onnx` and `text.onnx`.

    A model that encodes both together also gives `image+text.onnx`, one of videos `video.onnx`,
    which takes `model.frames` frames.
    The graphs give unit rows (B, D), and the norms (B,) that projections had before, with which
    fused rows are made (`gcl_spec.export.onnx_model.OnnxModel`). They take batches of any size and
    texts of any length. Beside them are the files of the preprocessing, learned weights of parts of
    fused rows or the means by which `OnnxModel` centres the graphs' rows
    (`gcl_spec.models.fusion.write_fusion`), and `onnx.json`: names and shapes of the inputs, the
    width, the scale, the fusion, and how far the rows, by onnxruntime, are from the run's own.

    Args:
        run: a folder that `gcl train` wrote.
        out: the new folder.
        step: a number, "best" or "newest".
        allow_unverified: also take what has no checksum, as `gcl_spec.load_run` does.
        calibration: the name of one that was fitted for these weights, which goes into `out` as
            calibration.safetensors (`gcl_spec.evaluate.calibrations.read` reads it).
        int8: also write graphs with matrices of 8 bits, and search this with both.
        backend: the name of the `OnnxBackend` that writes the graphs (`gcl_spec.registry`); whose
            training the run is does not matter.

    Raises:
        ConfigError: `out` exists, or a library is not installed.
        NotAnOnnxBackendError: the backend writes no graphs.
        CheckpointError: there is no readable checkpoint, or a graph differs by more than `BOUND`;
            then nothing is written.
        FileError: the folder cannot be written.
    """
    writer = registry.load_onnx(backend)
    _check_installed()
    folder = RunFolder.open(run, allow_unverified=allow_unverified)
    folder.check()
    config = folder.config()
    if out.exists():
        raise ConfigError(f"{out} exists; choose another folder")
    checkpoint = folder.found(step)
    # The graphs compute in float32, and so does the model that they are compared with.
    plain = replace(config.train, precision="float32", compile=False, shard=False)
    trainer = writer.trainer(replace(config, train=plain), device="cpu", state=checkpoint.state)
    batches = [_samples(config, count) for count in (3, 1, 5)]
    with atomic_folder(out) as made:
        put_beside(folder, calibration, checkpoint, made)
        first = {name: inputs_of(batches[0], name) for name in graph_names(config.model)}
        weights = trained_weights(checkpoint.state)
        writer.write_onnx(config, weights, first, made)
        write_fusion(made, config.model, weights, _given(config.model))
        wanted = [trainer.encode(batch) for batch in batches]
        graphs = OnnxModel(made, config.model)
        encoded = [graphs.encode(batch) for batch in batches]
        parities = _checked_parities(encoded, wanted, first)
        width = next(iter(wanted[0].values())).shape[-1]
        exported = Exported(parities)
        if int8 is not None:
            small = tuple(quantise(made, config.model, batches))
            reports = recall_of_both(made, config, int8)
            exported = replace(exported, quantised=small, reports=reports)
        _describe(made, config, weights, first, exported, width=width)
    return exported


def _check_installed() -> None:
    """Raise a `ConfigError` that names the first library of the export that is not installed."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"{missing[0]} is not installed: pip install 'gcl-spec[torch,onnx]'")


def _checked_parities(
    encoded: list[Mapping[str, FloatArray]],
    wanted: list[Mapping[str, FloatArray]],
    names: Iterable[str],
) -> tuple[Parity, ...]:
    """The parities of graphs; a `CheckpointError` where one differs by more than `BOUND`."""
    parities = tuple(_parity(name, encoded, wanted) for name in names)
    for parity in parities:
        if not parity.largest_difference <= BOUND:
            raise CheckpointError(
                f"{parity.modality}.onnx differs by {parity.largest_difference:.1e} from the "
                f"model, more than {BOUND:.0e}: not written"
            )
    return parities


def _samples(config: Config, count: int) -> Batch:
    """A batch of pictures of noise and texts of different lengths, or of vectors."""
    rng = np.random.default_rng(count)
    if config.model.kind == "adapter":
        widths = vector_widths(config.model)
        inputs = {
            f"{name}/features": rng.normal(size=(count, width)).astype(np.float32)
            for name, width in widths.items()
        }
        return Batch(inputs, {n: np.ones(count, bool) for n in widths}, np.arange(count))
    from gcl_spec.data.prepare.collate import Collator

    sizes = rng.integers(40, 300, (count, 2))
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    words = _WORDS.split()
    texts = [" ".join(words[: 1 + n * count]) for n in range(count)]
    made = Collator(config)({"image": pictures, "text": texts})
    return _with_videos(made, config.model.frames) if framed(config.model) else made


def _with_videos(batch: Batch, frames: int) -> Batch:
    """The batch with videos of so many frames, which are its pictures in turn."""
    (name,) = (name for name in batch.inputs if name.startswith("image/"))
    places = np.arange(len(batch))[:, None] + np.arange(frames)
    videos = batch.inputs[name][places % len(batch)]
    inputs = {**batch.inputs, name.replace("image", VIDEO, 1): videos}
    return Batch(inputs, {**batch.present, VIDEO: np.ones(len(batch), bool)}, batch.ids)


def _given(model: ModelConfig) -> tuple[str, ...]:
    """The modalities of which the run's model takes inputs, in the model's order."""
    of_vectors = model.kind == "adapter"
    return tuple(vector_widths(model)) if of_vectors else seen(model)


def _parity(
    modality: str, encoded: list[Mapping[str, FloatArray]], wanted: list[Mapping[str, FloatArray]]
) -> Parity:
    got = np.concatenate([z[modality] for z in encoded])
    want = np.concatenate([z[modality] for z in wanted])
    return Parity(
        modality,
        len(got),
        float(np.max(np.abs(got - want))),
        float(np.min(np.sum(got.astype(np.float64) * want, axis=1))),
    )


def _describe(
    made: Path,
    config: Config,
    weights: State,
    inputs: Mapping[str, Mapping[str, AnyArray]],
    exported: Exported,
    *,
    width: int,
) -> None:
    for name in _PREPROCESSING[config.model.kind]:
        source = _preprocessing(config) / name
        if source.is_file():
            shutil.copy(source, made / name)
    about: dict[str, Any] = {
        "width": width,
        "scale": np.exp(weights["log_scale"]).tolist(),
        "inputs": {
            modality: {
                name.partition("/")[2]: {"shape": _shape(x), "dtype": x.dtype.name}
                for name, x in given.items()
            }
            for modality, given in inputs.items()
        },
        "outputs": ["unit_row", "norm"],
        "fuse": config.model.fuse,
        "parity": [asdict(parity) for parity in exported.parities],
        "int8": [asdict(small) for small in exported.quantised],
    }
    if exported.reports is not None:
        about["hit@10"] = {
            name: {pool: report.average(pool, "hit@10") for pool in ("global", "local")}
            for name, report in zip(("float32", "int8"), exported.reports, strict=True)
        }
    (made / "onnx.json").write_text(json.dumps(about, indent=2) + "\n")


def _preprocessing(config: Config) -> Path:
    """The folder of the tokenizer, and of what prepares pictures."""
    if config.model.kind == "vista":
        return vista_files(config).text
    return clip_folder(config) if config.model.kind == "clip" else text_folder()


def _shape(x: AnyArray) -> list[int | str]:
    length: list[int | str] = ["length"] if x.dtype.kind == "i" else list(x.shape[1:])
    return ["batch", *length]
