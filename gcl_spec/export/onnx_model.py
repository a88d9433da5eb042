"""The graphs of an export, run by onnxruntime, as a model that encodes batches."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from array_api_compat import numpy as numpy_namespace

from gcl_spec._typing import AnyArray, FloatArray
from gcl_spec.batch import Batch, embeddings
from gcl_spec.config.options import ModelConfig
from gcl_spec.config.user_paths import text_path
from gcl_spec.models.fusion import read_means, read_ratios
from gcl_spec.models.vista import joined_names
from gcl_spec.objective import given_names, name_parts, ratio_weights

__all__ = ["OnnxModel", "graph_names", "inputs_of"]

_PROVIDERS = ["CPUExecutionProvider"]


class OnnxModel:
    """What `gcl_spec.embed.encode.encode` asks of a model, by the graphs of `graph_names`.

    Args:
        folder: where the graphs are.
        model: the options of the model that they were made of.
        ending: that of the graphs' names, such as ".onnx".
    """

    def __init__(self, folder: Path, model: ModelConfig, *, ending: str = ".onnx") -> None:
        from onnxruntime import InferenceSession

        self._model = model
        ratios = read_ratios(folder, model) if model.fuse == "learned" else None
        self._weights = ratio_weights(ratios, model.summed, xp=numpy_namespace)
        self._means: dict[str, FloatArray] = {}
        if model.fuse == "centred":
            self._means = read_means(folder, given_names(model.modalities))
        with text_path(folder) as place:
            self._sessions = {
                name: InferenceSession(
                    place / f"{name}{ending}", providers=["CPUExecutionProvider"]
                )
                for name in graph_names(model)
            }

    def rows(self, modality: str, batch: Batch) -> tuple[FloatArray, FloatArray]:
        """The unit rows (B, D) of a graph's modality, and the norms of its projections, (B, 1)."""
        session = self._sessions[modality]
        known = {node.name for node in session.get_inputs()}
        given = {n.partition("/")[2]: x for n, x in inputs_of(batch, modality).items()}
        rows_BD, norm_B = session.run(None, {n: x for n, x in given.items() if n in known})
        return rows_BD, norm_B[:, None]

    def encode(self, batch: Batch) -> Mapping[str, FloatArray]:
        """Embeddings by modality, (B, D) float32 unit rows, and zero where one is not present."""
        projections: dict[str, FloatArray] = {}
        for name in self._sessions:
            if all(inputs_of(batch, part) for part in name_parts(name)):
                rows_BD, norm_B1 = self.rows(name, batch)
                projections[name] = rows_BD * norm_B1
        some_BD = next(iter(projections.values()))
        full = {name: projections.get(name, np.zeros_like(some_BD)) for name in self._sessions}
        present = {name: batch.has(name) for name in self._model.modalities}
        return embeddings(
            full,
            self._model.modalities,
            fuse=self._model.fuse,
            weights=self._weights,
            means=self._means,
            present=present,
        )


def graph_names(model: ModelConfig) -> tuple[str, ...]:
    """The modalities with a graph: the given ones, and those that the model encodes jointly."""
    return (*given_names(model.modalities), *joined_names(model))


def inputs_of(batch: Batch, modality: str) -> dict[str, AnyArray]:
    """The inputs of a modality, or of all parts of it, of any shape, by their whole names."""
    parts = tuple(f"{part}/" for part in name_parts(modality))
    return {name: x for name, x in batch.inputs.items() if name.startswith(parts)}
