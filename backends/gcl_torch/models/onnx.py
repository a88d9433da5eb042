"""A trained model as ONNX graphs, one for each modality."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from gcl_spec._typing import AnyArray, State
from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError
from gcl_torch.models.recipes import Model, make_model

__all__ = ["write_onnx"]


def write_onnx(
    config: Config, weights: State, inputs: Mapping[str, Mapping[str, AnyArray]], folder: Path
) -> None:
    """Write `<modality>.onnx` for each modality of `inputs`.

    Args:
        config: The options of a run of any training backend.
        weights: Its parameters and buffers by their names in the model, as
            `gcl_spec.run.weights.trained_weights` gives them.
        inputs: sample inputs of a batch by modality and name, of the shapes of
            `gcl_spec.batch.Batch`; axis 0 of each, and axis 1 of tokens, may have other lengths
            later.
        folder: where the graphs go.
    """
    model = _trained(config, weights)
    for modality, given in inputs.items():
        _write(_Tower(model, modality, tuple(given)), given, folder / f"{modality}.onnx")


class _Tower(nn.Module):
    """Gives one modality's unit rows, and the norms of its projections, from positional inputs."""

    def __init__(self, model: Model, modality: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self._modality, self._names = model, modality, names

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        given = dict(zip(self._names, inputs, strict=True))
        # Zeros stand for the modalities without inputs, of which nothing stays in the graph.
        projections = self.model(given, (self._modality,))
        rows = projections[self._modality].float()
        return nn.functional.normalize(rows, dim=-1), torch.linalg.vector_norm(rows, dim=-1)


def _trained(config: Config, weights: State) -> Model:
    config = replace(
        config,
        model=replace(config.model, lora=0),
        train=replace(config.train, checkpointing=False),
    )
    model = make_model(config).eval()
    tensors = {name: torch.from_numpy(x) for name, x in weights.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise CheckpointError(f"the checkpoint is of another model: {(*missing, *unexpected)[0]}")
    return model


def _write(tower: _Tower, inputs: Mapping[str, AnyArray], path: Path) -> None:
    names = [name.partition("/")[2] for name in inputs]
    batch = torch.export.Dim.DYNAMIC
    axes = {
        name: {0: batch, 1: batch} if x.ndim == 2 and x.dtype.kind == "i" else {0: batch}
        for name, x in zip(names, inputs.values(), strict=True)
    }
    given = tuple(torch.from_numpy(x) for x in inputs.values())
    with torch.no_grad(), _quiet():
        tower.eval()(*given)  # this loads a frozen tower, which a graph cannot do
        program = torch.onnx.export(
            tower,
            given,
            input_names=names,
            output_names=["unit_row", "norm"],
            dynamic_shapes=(tuple(axes.values()),),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """A block without warnings of the exporter's libraries, such as on a missing torchvision."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
