"""Towers that count what they are asked for, with options for a cache of their outputs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from gcl_spec.batch import Batch
from gcl_spec.config.options import Config, DataConfig
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.data.root import FolderRoot


class Counting:
    """Stands for a trainer: a feature is the mean of the pixels, or the sum of the tokens."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, batch: Batch) -> Mapping[str, np.ndarray]:
        # Batches are filled up with repetitions.
        shown = next(iter(batch.inputs.values()))
        self.seen += len(np.unique(shown.reshape(len(batch), -1), axis=0))
        if "image/pixels" in batch.inputs:
            return {"image": batch.inputs["image/pixels"].mean(axis=(1, 2)).astype(np.float32)}
        tokens = batch.inputs["text/input_ids"] * batch.inputs["text/attention_mask"]
        return {"text": tokens.sum(1, keepdims=True).astype(np.float32)}


def settings(folder: Path) -> tuple[Config, Collator]:
    config = Config(data=DataConfig(cache=str(folder / "cache")))
    config = replace(config, model=replace(config.model, image_size=32))
    return config, Collator(config, FolderRoot(folder))
