"""Rows of items with videos: by a model of videos, or of frames by a model of images."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec._words import brief
from gcl_spec.config.options import Config
from gcl_spec.data.names import listed, shown
from gcl_spec.data.prepare.collate import Collate, Reader
from gcl_spec.data.prepare.frame_places import middle_frame, spread_frames
from gcl_spec.data.prepare.frames import Frame, read_frames
from gcl_spec.data.prepare.video_frames import VideoFrames
from gcl_spec.embed.encode import Encoder, encode
from gcl_spec.errors import DataError
from gcl_spec.models.frames import framed, seen_parts
from gcl_spec.progress import Reporter
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.peers.covr import pooled
from gcl_spec.tasks.task import columns_of

__all__ = ["VideoEncoder", "batch_size", "has_video", "own_rows"]


def has_video(item: Item) -> bool:
    """Is a video among its parts?"""
    return item.get("video") is not None


def own_rows(
    model: Encoder, collate: Collate, config: Config, items: Sequence[Item], reporter: Reporter
) -> FloatArray:
    """Unit rows (N, D) float32 of N items that have a video, by a model of videos.

    Of a video with a text, of which together it has no embedding, but of a picture with a text, it
    sees the middle frame.

    Args:
        model: what encodes.
        collate: makes batches of frames and texts.
        config: the options of the run.
        items: at least one.
        reporter: hears of progress.

    Raises:
        DataError: some cannot be read, or have no frame; it says how many, and names them.
    """
    bad: dict[str, str] = {}
    size = batch_size(config)
    rows: list[FloatArray] = []
    for start in range(0, len(items), size):
        reporter.update("videos", start, len(items))
        some = [_seen(item, config.model.modalities) for item in items[start : start + size]]
        columns, taken = columns_of(some), partial(collate, bad=bad, every=True)
        rows.append(encode(model, taken, columns, batch_size=size))
    reporter.update("videos", len(items), len(items))
    if bad:
        raise DataError(_all_bad(bad, len({item.get("video") for item in items})))
    return np.concatenate(rows)


def _seen(item: Item, modalities: Sequence[str]) -> Item:
    names = seen_parts([name for name, _ in item.content], modalities)
    parts = dict(zip(names, (value for _, value in item.content), strict=True))
    return Item(item.id, **parts)


class _Frames(NamedTuple):
    """The frames of an item that are encoded, with its text, and what weights them."""

    frames: list[Frame]
    text: str | None
    scores: Sequence[float]


def batch_size(config: Config) -> int:
    """How many items are encoded at once: of videos so many that there are no more pictures."""
    size = config.eval.batch_size
    return max(1, size // config.model.frames) if framed(config.model) else size


class VideoEncoder(NamedTuple):
    """Makes rows of items that have a video, as CoVR does.

    A video alone is encoded as up to 15 of its frames, whose unit rows are added and normalised. Of
    a video with a text, the middle frame is encoded together with the text.
    `gcl_spec.data.prepare.frame_places` says which frames these are.

    model: of images, and of images with texts.
    collate: makes batches of frames and texts.
    root: where the videos lie.
    batch_size: the most frames that are encoded at once, but for those of one video.
    scores: by the path of a video, a number for each of its frames, by the softmax of which at
        temperature 0.1 they are weighted; frames of other videos count alike.
    pictures: makes frames of the model's size, which may be kept; without it they are as they are.
    """

    model: Encoder
    collate: Collate
    root: Reader
    batch_size: int
    scores: Mapping[str, Sequence[float]]
    pictures: VideoFrames | None = None

    def rows(self, items: Sequence[Item], reporter: Reporter) -> FloatArray:
        """Unit rows (N, D) float32 of N items that have a video.

        Args:
            items: at least one.
            reporter: hears of progress.

        Raises:
            DataError: some cannot be read, or have no frame; it says how many, and names them.
            MissingFrameworkError: PyAV is not installed.
        """
        rows: list[FloatArray] = []
        waiting: list[_Frames] = []
        count = 0
        bad: dict[str, str] = {}
        for number, item in enumerate(items):
            reporter.update("videos", number, len(items))
            try:
                video = self._frames(item)
            except DataError as error:
                bad.setdefault(str(item.get("video")), str(error))
            if bad:
                continue  # all others are still looked at, so that all are named at once
            if waiting and count + len(video.frames) > self.batch_size:
                rows += self._encoded(waiting)
                waiting, count = [], 0
            waiting.append(video)
            count += len(video.frames)
        reporter.update("videos", len(items), len(items))
        if bad:
            raise DataError(_all_bad(bad, len({item.get("video") for item in items})))
        rows += self._encoded(waiting)
        return np.stack(rows).astype(np.float32)

    def _frames(self, item: Item) -> _Frames:
        path, text = item.get("video"), item.text
        assert path is not None
        where = f"{self.root.name}: {brief(path)}"
        content, made = self.root.read_bytes(path), self.pictures
        if made is not None:
            one = [made.middle(content, where)] if text is not None else []
            frames = one or [*made.distinct(content, where)]
        else:
            choose = spread_frames if text is None else lambda count: [middle_frame(count)]
            frames = read_frames(content, choose, where)
        return _Frames(frames, text, self.scores.get(path, ()))

    def _encoded(self, some: Sequence[_Frames]) -> list[FloatArray]:
        """The row of each item, (D,)."""
        images = [frame for one in some for frame in one.frames]
        texts = [one.text for one in some for _ in one.frames]
        columns: dict[str, Sequence[object]] = {"image": images}
        if any(text is not None for text in texts):
            columns["text"] = texts
        rows_ND = encode(self.model, self.collate, columns, batch_size=len(images))
        ends = np.cumsum([len(one.frames) for one in some])[:-1]
        parts = np.split(rows_ND, ends)
        return [pooled(part, one.scores, "query") for part, one in zip(parts, some, strict=True)]


def _all_bad(bad: Mapping[str, str], total: int) -> str:
    first, *others = bad
    if not others:
        return bad[first]
    named = listed(map(shown, others), 5)
    return f"{bad[first]}; {len(bad):,} of {total:,} videos cannot be decoded, {named} too"
