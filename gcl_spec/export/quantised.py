"""Exported graphs with matrices of 8 bits, and what that costs in hit@10."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gcl_spec._typing import FloatArray
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.embed.encode import Encoder, encode
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.export.onnx_model import OnnxModel, graph_names
from gcl_spec.run.searches import Searches
from gcl_spec.tasks.task import Item, columns_of

__all__ = ["ENDING", "Quantised", "quantise", "recall_of_both"]

ENDING = ".int8.onnx"


@dataclass(frozen=True)
class Quantised:
    """A graph whose matrices have 8 bits.

    modality: whose tower it is.
    megabytes: the sizes of the graph before and after, in 10^6 bytes, with the `.data` beside it
        where it is too large for one file.
    smallest_cosine: of its rows with those of the graph before, over some samples.
    """

    modality: str
    megabytes: tuple[float, float]
    smallest_cosine: float


def quantise(folder: Path, model: ModelConfig, batches: Sequence[Batch]) -> list[Quantised]:
    """Write NAME.int8.onnx beside each NAME.onnx of a folder.

    Matrices become signed 8-bit integers with a factor for each column, and what they are
    multiplied with becomes 8 bits when it is known ("dynamic quantisation" of onnxruntime).
    Convolutions stay in float32.

    Args:
        folder: where `export_onnx` writes.
        model: the options of the model.
        batches: samples to compare rows of.

    Returns:
        One entry for each graph.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    names = graph_names(model)
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # it advises a pass that the exporter has made
    try:
        for name in names:
            path = folder / f"{name}.onnx"
            quantize_dynamic(
                path,
                folder / f"{name}{ENDING}",
                use_external_data_format=_beside(path).exists(),
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
    finally:
        logger.setLevel(level)
    plain, small = OnnxModel(folder, model), OnnxModel(folder, model, ending=ENDING)
    graphs = []
    for name in names:
        sizes = [_megabytes(folder / f"{name}{end}") for end in (".onnx", ENDING)]
        pairs = [(plain.rows(name, batch)[0], small.rows(name, batch)[0]) for batch in batches]
        cosine = min(float((a * b).sum(axis=1).min()) for a, b in pairs)
        graphs.append(Quantised(name, (sizes[0], sizes[1]), cosine))
    return graphs


def _beside(path: Path) -> Path:
    """The weights of a graph above 2 GB, which no one file of its format can hold."""
    return path.with_name(f"{path.name}.data")


def _megabytes(path: Path) -> float:
    files = [file for file in (path, _beside(path)) if file.exists()]
    return sum(file.stat().st_size for file in files) / 1e6


def recall_of_both(folder: Path, config: Config, searches: Searches) -> tuple[Report, Report]:
    """The evaluations of the graphs, and of those with matrices of 8 bits.

    Args:
        folder: where both are.
        config: the options of the run.
        searches: what is searched.

    Raises:
        DataError: a picture cannot be read.
    """
    collate = Collator(config, searches.root)

    def report_of(model: Encoder) -> Report:
        def rows(items: Sequence[Item]) -> FloatArray:
            columns = columns_of(items)
            return encode(model, collate, columns, batch_size=config.eval.batch_size)

        return evaluate(rows, searches.tasks)

    plain = report_of(OnnxModel(folder, config.model))
    return plain, report_of(OnnxModel(folder, config.model, ending=ENDING))
