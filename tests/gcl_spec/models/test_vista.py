"""The part of VISTA that knows modalities: what is encoded for which inputs, and once only."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from gcl_spec.config.options import ModelConfig
from gcl_spec.models.vista import VistaRows, joined_names

Rows = np.ndarray[Any, Any]
PIXELS, TEXT = np.zeros((2, 3)), np.ones((2, 4))


class Encoder:
    """It says what it was called with."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def image(self, tokens: Rows) -> Rows:
        self.calls.append("image")
        return tokens

    def text(self, ids: Rows, mask: Rows) -> Rows:
        self.calls.append("text")
        return ids

    def joint(self, tokens: Rows, ids: Rows, mask: Rows) -> Rows:
        self.calls.append(f"joint {ids.shape[1]}")
        return tokens


class Model(VistaRows[Rows]):
    joined = ("image+text",)

    def __init__(self) -> None:
        self.vista = Encoder()

    def image_tokens(self, pixels: Rows, draw: Rows | None) -> Rows:
        self.vista.calls.append("tower")
        return pixels

    def cut(self, ids: Rows, mask: Rows) -> tuple[Rows, Rows]:
        return ids[:, :3], mask[:, :3]


def calls(*inputs: str, wanted: Iterable[str] | None = None) -> tuple[list[str], list[str]]:
    """The calls, and the modalities of the rows that are not zero."""
    model = Model()
    every = {
        "image/pixel_values": PIXELS + 1, "text/input_ids": TEXT, "text/attention_mask": TEXT,
    }  # fmt: skip
    some = {name: x for name, x in every.items() if name.startswith(inputs)}
    found = model.projections(some, np.zeros_like, wanted and list(wanted))
    return model.vista.calls, [name for name, x in found.items() if x.any()]


def test_each_tower_runs_once_and_nothing_without_need() -> None:
    both = calls("image", "text")
    assert both == (["tower", "image", "text", "joint 3"], ["image", "text", "image+text"])
    assert calls("image", "text", wanted=["image"])[0] == ["tower", "image", "text"]
    assert calls("image") == (["tower", "image"], ["image"])
    assert calls("text") == (["text"], ["text"])


def test_rows_of_a_modality_alone() -> None:
    model = Model()
    inputs = {"image/pixel_values": PIXELS, "text/input_ids": TEXT, "text/attention_mask": TEXT}
    found = model.features(inputs)
    assert list(found) == ["image", "text"]
    assert model.vista.calls == ["tower", "image", "text"]


def test_which_modalities_it_encodes_itself() -> None:
    assert joined_names(ModelConfig(kind="vista", fuse="joint")) == ("image+text",)
    assert joined_names(ModelConfig(kind="vista", fuse="unit")) == ()
