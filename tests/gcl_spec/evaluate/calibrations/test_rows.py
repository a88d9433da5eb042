"""Rows of items and of their parts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gapped_rows import drawn
from gapped_space import I2T, PICTURES, T2I, TEXTS, gapped
from gcl_spec.errors import InputError
from gcl_spec.evaluate.calibrations.known import fit
from gcl_spec.evaluate.calibrations.rows import EncodedOnce, Rows, same_roles, with_roles
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.tasks.item import Item

FITTED = {
    "image": Rows.single("image", gapped(3.0)(PICTURES)),
    "text": Rows.single("text", gapped(3.0)(TEXTS)),
}


def test_an_embedding_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="holds NaN"):
        evaluate(lambda x: np.full((len(x), 6), np.nan), [T2I], fit("mean", same_roles(drawn(0))))


def test_each_content_is_encoded_once() -> None:
    asked: list[str] = []
    encode: Any = gapped(3.0)

    def noted(items: Sequence[Item]) -> np.ndarray:
        asked.extend(item.modality for item in items)
        return encode(items)

    once = EncodedOnce(noted)
    wanted = evaluate(encode, [T2I, I2T], fit("mean", same_roles(FITTED)))
    for name in ("mean", "bank"):
        report = evaluate(once, [T2I, I2T], fit(name, same_roles(FITTED)))
        assert (name != "mean") or report == wanted
    np.testing.assert_array_equal(once([TEXTS[1], TEXTS[0], TEXTS[1]]), encode(TEXTS)[[1, 0, 1]])
    assert sorted(asked) == ["image"] * 4 + ["text"] * 4


def test_queries_are_of_the_modalities_that_search() -> None:
    """Images are no queries of this task, so that the calibration needs no rows of such."""
    apart = with_roles({"query": {"text": FITTED["text"]}, "candidate": FITTED})
    assert evaluate(gapped(3.0), [T2I], fit("mean", apart)).average("global", "hit@1") == 1.0
    with pytest.raises(InputError, match=r"fitted without rows query/image .*gcl calibrate"):
        evaluate(gapped(3.0), [I2T], fit("mean", apart))
