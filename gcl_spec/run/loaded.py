"""A trained run to encode with: pictures and texts, or the items of tasks."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec import registry
from gcl_spec._typing import FloatArray
from gcl_spec.backend import Trainer
from gcl_spec.config.options import Config
from gcl_spec.config.user_paths import user_path
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.data.prepare.collate import Collate, Collator, Items, Reader
from gcl_spec.data.prepare.frame_cache import frame_cache
from gcl_spec.data.prepare.frame_places import FRAMES
from gcl_spec.data.prepare.pictures import ImageInput
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.data.prepare.video_frames import VideoFrames
from gcl_spec.embed.encode import encode, pairs_of, with_videos
from gcl_spec.embed.vectors import GivenVectors
from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.calibrations.known import Chain, apply_to_columns
from gcl_spec.evaluate.calibrations.rows import ROLES, Encode, Role
from gcl_spec.models.frames import VIDEO, framed
from gcl_spec.models.start import vector_widths
from gcl_spec.objective import given_names
from gcl_spec.progress import Reporter
from gcl_spec.run import checkpoint
from gcl_spec.run.calibration_files import calibration_of
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.videos import VideoEncoder, batch_size, has_video, own_rows
from gcl_spec.tasks.held_out import hold_out
from gcl_spec.tasks.task import Item, Task, columns_of

__all__ = [
    "LoadedRun",
    "encode_items",
    "load_run",
    "read_run",
    "vector_searches",
]


@dataclass(frozen=True)
class LoadedRun:
    """A trained model, which encodes pictures, texts and pairs."""

    config: Config
    step: int
    trainer: Trainer
    calibration: Chain | None = None

    def encode(
        self,
        image: Iterable[ImageInput | None] | None = None,
        text: Iterable[str | None] | None = None,
        *,
        role: Role | None = None,
        **others: Iterable[Any] | None,
    ) -> FloatArray:
        """Unit rows (N, D) float32 for N pictures, texts, or pairs, all in one space.

        A run of an adapter takes vectors of any modality, by its name: arrays (N, F), or lists with
        None where a sample has none. A run with videos takes them as `video`: paths, or contents of
        files.

        Args:
            image: paths, file contents, Pillow images or (H, W, 3) uint8 arrays, in a list, tuple,
                array, Series or generator; None where a sample has no picture, or for all.
            text: captions, likewise; None where a sample has no text, or for all. Where both are
                given the row is that of the fused image+text embedding.
            role: "query" or "candidate", for a run with a calibration: its rows of the two may
                differ, and may have further numbers; their inner products are the scores.
            others: vectors of further modalities, for a run of an adapter; or `video`.

        Raises:
            InputError: neither is given, the role is missing, lengths differ, a sample has neither,
                or an entry is of another kind, such as NaN.
            DataError: a picture cannot be read.
        """
        given = given_names(self.config.model.modalities)
        parts: dict[str, Any] = {"image": image, "text": text, **others}
        for name, x in parts.items():
            if name not in given and (x is not None or name in others):
                raise InputError(f"no modality {name!r}; this run takes {', '.join(given)}")
        collator = self._collator
        items: Items
        if isinstance(collator, GivenVectors):
            items = collator.items({name: parts.get(name) for name in given})
        elif parts.get(VIDEO) is not None:
            items = with_videos(parts[VIDEO], image, text)
        else:
            items = dict(zip(("image", "text"), pairs_of(image, text), strict=True))

        def rows(some: Items) -> FloatArray:
            moves = VIDEO in some
            size = batch_size(self.config) if moves else self.config.eval.batch_size
            return encode(self.trainer, collator, some, batch_size=size)

        if self.calibration is None:
            return rows(items)
        if role not in ROLES:
            raise InputError(
                f"role = {role!r}; a run with a calibration needs role='query' or 'candidate'"
            )
        return apply_to_columns(self.calibration, items, rows, role)

    @cached_property
    def _collator(self) -> Collator | GivenVectors:
        if self.config.model.kind == "adapter":
            return GivenVectors(vector_widths(self.config.model))
        return Collator(self.config)


def load_run(
    path: str | os.PathLike[str],
    *,
    backend: str = "torch",
    device: str | None = None,
    step: str = "newest",
    allow_unverified: bool = False,
    calibration: str | None = None,
) -> LoadedRun:
    """A checkpoint of a run folder, ready to encode.

    Args:
        path: a folder that `gcl train` wrote.
        backend: the name of a training backend.
        device: one of the backend's devices; its first when not given.
        step: a number, "best" (by validation, with train.keep_best) or "newest".
        allow_unverified: take runs of older versions, which have no checksums, and edited files.
        calibration: the name of one that `gcl calibrate` has fitted for this checkpoint.

    Raises:
        CheckpointError: there is no run, no readable checkpoint, or a file is not as it was
            written; or there is no such calibration, or it is of other weights.
        BackendLoadError: `gcl_spec.registry.load_training` cannot load the backend.
    """
    where = Path(user_path(os.fspath(path)))
    config, step_checkpoint = read_run(where, step=step, allow_unverified=allow_unverified)
    fitted = None
    if calibration is not None:
        run = RunFolder.open(where, allow_unverified=allow_unverified)
        fitted = calibration_of(run, calibration, step_checkpoint)
    made = registry.load_training(backend)
    device = registry.choose_device(made, device)
    trainer = made.trainer(config, device=device, state=step_checkpoint.state)
    return LoadedRun(config, step_checkpoint.step, trainer, fitted)


def read_run(
    path: Path, overrides: Sequence[str] = (), *, step: str = "newest", allow_unverified: bool
) -> tuple[Config, checkpoint.Found]:
    """The options of a run and one of its checkpoints.

    Args:
        path: the run's folder.
        overrides: "section.key=VALUE", for this use of it alone.
        step: a number, "best" or "newest".
        allow_unverified: take files that have no checksum or were edited.

    Raises:
        CheckpointError: there is no run, no readable checkpoint, or a file is not as it was
            written.
        ConfigError: an option is refused.
    """
    run = RunFolder.open(path, allow_unverified=allow_unverified)
    run.check()
    return run.config(overrides), run.found(step)


def encode_items(
    run: LoadedRun,
    root: Reader,
    items: Sequence[Item],
    reporter: Reporter,
    scores: Mapping[str, Sequence[float]] | None = None,
) -> FloatArray:
    """Unit rows (N, D) float32 of N items whose images, and videos, lie under `root`.

    Args:
        run: the model.
        root: where files are read.
        items: what is encoded.
        reporter: hears of progress.
        scores: weights of the frames of videos, for a model of images alone
            (`gcl_spec.run.videos.VideoEncoder`).

    Raises:
        DataError: a picture or a video cannot be read.
    """
    video_N = np.asarray([has_video(item) for item in items])
    size = run.config.eval.batch_size
    collate: Collate = Collator(run.config, root)
    if video_N.any():
        videos = [item for item in items if has_video(item)]
        if framed(run.config.model):
            found_ND = own_rows(run.trainer, collate, run.config, videos, reporter)
        else:
            kept = VideoFrames(preprocessing_of(run.config), FRAMES, frame_cache(run.config.data))
            own = Collator(run.config)  # of frames, which lie in no root
            frames = VideoEncoder(run.trainer, own, root, size, scores or {}, kept)
            found_ND = frames.rows(videos, reporter)
        rows_ND = np.empty((len(items), found_ND.shape[1]), np.float32)
        rows_ND[video_N] = found_ND
        if not video_N.all():
            others = [item for item in items if not has_video(item)]
            rows_ND[~video_N] = encode_items(run, root, others, reporter)
        return rows_ND
    columns = columns_of(items)
    if run.config.model.caches_towers and isinstance(collate, Collator):
        store = FeatureStore(run.config, collate, run.trainer.features)
        store.prepare(columns, reporter)
        collate = store
    return encode(run.trainer, collate, columns, batch_size=size)


def vector_searches(run: LoadedRun, path: str | None = None) -> tuple[Encode, tuple[Task, ...]]:
    """What encodes vectors, and the searches among them.

    Args:
        run: of an adapter.
        path: vectors, of which at most 1000 rows are searched; those that the run held out of its
            own data when not given.

    Raises:
        DataError: no vectors lie there.
    """
    config = run.config
    data = config.data if path is None else replace(config.data, path=path)
    source = open_source(data, given_names(config.model.modalities))
    if not isinstance(source, VectorSource):
        raise DataError(f"{data.path!r} holds no vectors, which a run of an adapter takes")
    share = data.holdout if path is None else 1.0
    _, tasks = hold_out(source, share, config.model.modalities)
    collate, size = VectorCollator(source), config.eval.batch_size

    def encode_vectors(items: Sequence[Item]) -> FloatArray:
        return encode(run.trainer, collate, columns_of(items), batch_size=size)

    return encode_vectors, tasks
