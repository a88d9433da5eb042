"""Calibrations on items and columns, in an evaluation, and in an index of inner products."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gapped_space import I2T, NAMES, PICTURES, T2I, TEXTS, gapped
from gcl_spec.evaluate.calibrations import apply_to_columns, apply_to_items, fit, same_roles
from gcl_spec.evaluate.calibrations.known import Chain
from gcl_spec.evaluate.calibrations.rows import rows_of
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.published import measure
from gcl_spec.search.exact import score_chunks
from gcl_spec.tasks.item import Item

PAIRS = tuple(Item(f"p-{n}", f"{n}.png", n) for n in NAMES)
ENCODE: Any = gapped(3.0)


def fitted(name: str) -> Chain:
    return fit(
        name,
        same_roles({r.modality: r for _, r in rows_of([*TEXTS, *PICTURES, *PAIRS], ENCODE)}),
    )


@pytest.mark.parametrize("name", ["mean", "cfu", "realign", "cfu+bank"])
def test_a_gap_is_closed(name: str) -> None:
    report = evaluate(ENCODE, [T2I, I2T], fitted(name))
    assert report.average("global", "hit@1") == 1.0
    assert report.geometry["distance of image and text means"] < 0.1
    (figure,) = measure(ENCODE, [T2I], ["local hit@1"], fitted(name))
    assert figure.band[1] == 1.0


def test_rows_by_items_and_by_columns_are_the_same() -> None:
    items = [PAIRS[0], TEXTS[1], PICTURES[2], PAIRS[3]]
    chain = fitted("cfu+bank")
    columns = {name: [item.get(name) for item in items] for name in ("image", "text")}

    def encode(some: Mapping[str, Sequence[Any]]) -> Any:
        parts = zip(*some.values(), strict=True)
        return ENCODE([Item("", **dict(zip(some, x, strict=True))) for x in parts])

    for role in ("query", "candidate"):
        found = apply_to_columns(chain, columns, encode, role)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, apply_to_items(chain, items, ENCODE)[role])  # type: ignore[index]


def test_the_exact_search_finds_the_same() -> None:
    chain = fitted("bank")
    made = apply_to_items(chain, [*TEXTS, *PICTURES], ENCODE)
    (_, scores) = next(iter(score_chunks(made["query"], made["candidate"])))
    np.testing.assert_allclose(scores, made["query"] @ made["candidate"].T, atol=1e-6)
    assert made["query"].shape == (8, 6 + 3)
