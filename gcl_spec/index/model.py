"""The model of an index: it makes the rows of items and of queries, and says which model it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec import registry
from gcl_spec._files.checksum import checksum
from gcl_spec._typing import FloatArray
from gcl_spec.backend import Trainer
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.collate import Collate
from gcl_spec.embed.encode_entries import EntryEncoder
from gcl_spec.embed.maker import Maker
from gcl_spec.errors import ConfigError, InputError
from gcl_spec.evaluate.calibrations.known import Chain
from gcl_spec.evaluate.calibrations.rows import Rows
from gcl_spec.index.about import About
from gcl_spec.index.queries import Query
from gcl_spec.index.used import Used
from gcl_spec.run.calibration_files import to_apply
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun, read_run
from gcl_spec.run.to_embed import local_config, maker_of

__all__ = ["COMMIT", "Model", "load_model", "model_of"]

COMMIT = 2048
"""The items of a commit: a kill loses the rows of so many at most."""


@dataclass(frozen=True)
class Model:
    """A trained model, and the calibrations of its rows.

    path: of the run, for index.json.
    """

    maker: Maker
    path: str
    config: Config
    trainer: Trainer
    calibrations: Mapping[str, Chain] = field(default_factory=dict)

    def encoder(self, collate: Collate) -> EntryEncoder:
        """What makes rows (N, D + ...) of entries: theirs, then those of each calibration.

        Args:
            collate: makes batches of their parts.
        """
        apply = self._side_by_side if self.calibrations else None
        size = self.config.eval.batch_size
        return EntryEncoder(self.trainer, collate, self.config.model.modalities, size, apply)

    def query(self, query: Query) -> Rows:
        """The row of a query, and those of its parts, (1, D) each.

        Raises:
            DataError: the picture cannot be read.
            InputError: this model takes none of these, or nothing is left of the row.
        """
        columns = query.columns()
        rows_SD = self._run.encode(image=columns["image"], text=columns["text"])
        if not np.isfinite(rows_SD).all() or not rows_SD.any(axis=1).all():
            raise InputError("the model's row of this query is zero, or holds NaN or Inf")
        return query.rows(rows_SD)

    @cached_property
    def _run(self) -> LoadedRun:
        """The encoder of queries, which keeps the tokenizer."""
        return LoadedRun(self.config, 0, self.trainer)

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each calibration's state, by its name."""
        return {name: checksum(dict(x.arrays())) for name, x in self.calibrations.items()}

    def check(self, about: About, folder: Path) -> None:
        """Refuse an index of another model.

        Raises:
            DataError: it holds rows of other weights, preprocessing or calibration.
        """
        self.maker.refuse_other_model(about.maker, str(folder))
        for name, digest in self.digests().items():
            there = about.calibrations.get(name, ("none", 0))[0]
            if there != digest:
                raise ConfigError(
                    f"{folder} holds rows of another calibration {name} ({there[:12]}) than the "
                    f"run has now ({digest[:12]}); make the index again"
                )

    def _side_by_side(
        self, role: str, modality: str, whole_ND: FloatArray, parts: Mapping[str, FloatArray]
    ) -> FloatArray:
        """The rows (N, D) of N items, then those of each calibration, side by side."""
        made = [
            x.apply_to_parts(role, modality, whole_ND, parts) for x in self.calibrations.values()
        ]
        return np.concatenate([whole_ND, *made], axis=1)


def model_of(about: About, folder: Path, run: Path | None, used: Used) -> Model:
    """The model of an index.

    Args:
        about: what the index is.
        folder: its folder, for messages.
        run: the folder of the run; None: where it was when the index was made.
        used: how the run is used.

    Raises:
        ConfigError: there is no run at that place.
        CheckpointError: the run is damaged.
        DataError: it has other weights than those of the index.
    """
    place = run or Path(about.run)
    if not place.is_dir():
        raise ConfigError(
            f"the run of {folder}, {about.maker.name}, is not at {place}; name its place with --run"
        )
    names = tuple(about.calibrations)
    model = load_model(place, used, dtype=about.maker.dtype, calibrations=names)
    model.check(about, folder)
    return model


def load_model(
    path: Path, used: Used, *, dtype: str = "float32", calibrations: Sequence[str] = ()
) -> Model:
    """The model of a run.

    Args:
        path: the folder of the run.
        used: how it is used.
        dtype: that of the stored rows.
        calibrations: the names of those whose rows are wanted, too.

    Raises:
        CheckpointError: there is no run, or no such calibration of it.
        BackendLoadError: the backend cannot be loaded.
    """
    config, checkpoint = read_run(
        path, used.overrides, step=used.step, allow_unverified=used.allow_unverified
    )
    folder = RunFolder.open(path, allow_unverified=used.allow_unverified)
    chains: dict[str, Chain] = {x: to_apply(folder, x, checkpoint, dtype) for x in calibrations}
    name: Any = path.resolve().name
    maker = maker_of(config, checkpoint.state, name, backend=used.backend, dtype=dtype, size=COMMIT)
    made = registry.load_training(used.backend)
    device = registry.choose_device(made, used.device)
    trainer = made.trainer(local_config(config), device=device, state=checkpoint.state)
    return Model(maker, str(path.resolve()), config, trainer, chains)
