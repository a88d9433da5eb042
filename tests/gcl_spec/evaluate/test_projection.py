"""Pairs on the plane of their first two principal components."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.projection import Projection, plane, project
from gcl_spec.tasks.task import Item, Task

THREE = ("image", "text", "image+text")


def test_a_gap_is_seen_between_modalities() -> None:
    found = project(gapped(3.0), [T2I, I2T], ("image", "text"))
    assert found is not None
    assert list(found.points) == ["image", "text"]
    (images, texts) = (np.asarray(points) for points in found.points.values())
    assert images.shape == texts.shape == (4, 2)
    assert abs(images[:, 0].mean() - texts[:, 0].mean()) > 5 * images[:, 0].std()
    assert found.shares[0] > found.shares[1] > 0
    without = project(gapped(0.0), [T2I, I2T], ("image", "text"))
    assert without is not None
    np.testing.assert_allclose(without.points["image"], without.points["text"], atol=1e-6)


def test_fused_rows_are_shown_where_the_model_has_them() -> None:
    asked: list[Item] = []

    def encode(items: Sequence[Item]) -> np.ndarray:
        asked.extend(items)
        return np.random.default_rng(0).normal(size=(len(items), 5))

    found = project(encode, [T2I], THREE)
    assert found is not None
    assert tuple(found.points) == THREE
    assert {(item.image, item.text) for item in asked if item.modality == "image+text"} == {
        (f"{name}.png", name) for name in ("ant", "bee", "cat", "dog")
    }
    assert Projection.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_many_pairs_are_thinned_evenly() -> None:
    texts = tuple(Item(f"t{n}", text=f"{n}") for n in range(1000))
    pictures = tuple(Item(f"i{n}", f"{n}.png") for n in range(1000))
    task = Task("many", texts, pictures, {f"t{n}": frozenset({f"i{n}"}) for n in range(1000)})
    asked: list[int] = []

    def encode(items: Sequence[Item]) -> np.ndarray:
        asked.extend(int(item.text) for item in items if item.text)
        return np.random.default_rng(0).normal(size=(len(items), 3))

    found = project(encode, [task], ("image", "text"))
    assert found is not None
    assert len(asked) == len(found.points["text"]) == 120
    assert asked[0] == 0
    assert max(np.diff(asked)) - min(np.diff(asked)) <= 1
    assert asked[-1] > 980


@pytest.mark.parametrize("kinds", [("text", "text"), ("image", "image")])
def test_tasks_without_pairs_have_none(kinds: tuple[str, str]) -> None:
    query, other = Item("q", **{kinds[0]: "a.png"}), Item("c", **{kinds[1]: "b.png"})
    task = Task("same", (query,), (other,), {"q": frozenset({"c"})})
    assert project(gapped(1.0), [task], THREE) is None


def test_components_are_the_largest_variances() -> None:
    rng = np.random.default_rng(3)
    x_ND = rng.normal(size=(50, 4)) * [1.0, 9.0, 3.0, 0.1] + 7
    places_N2, shares = plane(x_ND)
    values = np.sort(np.linalg.eigvalsh(np.cov(x_ND.T)))[::-1]
    np.testing.assert_allclose(places_N2.var(axis=0, ddof=1), values[:2], rtol=1e-9)
    np.testing.assert_allclose(shares, values[:2] / values.sum(), rtol=1e-9)
    assert plane(np.ones((3, 4)))[1] == (0.0, 0.0)


def test_rows_of_one_number_lie_on_a_line() -> None:
    places_N2, shares = plane(np.asarray([[1.0], [2.0], [4.5]]))
    np.testing.assert_allclose(places_N2, [[-1.5, 0], [-0.5, 0], [2, 0]])
    assert shares == (1.0, 0.0)


@pytest.mark.parametrize(
    "points",
    [[1], {}, {"image": []}, {"image": [[0, 1]], "text": []}, {"image": [[0, float("nan")]]}],
)
def test_what_is_no_projection(points: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        Projection.from_json({"points": points, "shares": [0.5, 0.25]})
