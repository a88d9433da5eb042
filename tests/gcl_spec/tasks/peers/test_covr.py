"""CoVR's ranks and recalls, to the last digit."""

from typing import Any

import numpy as np
import pytest

from gcl_spec.data.formats.covr_rows import Row, read_rows
from gcl_spec.errors import InputError
from gcl_spec.tasks.covr import read
from gcl_spec.tasks.peers.covr import (
    Pooling,
    left_out_cells,
    peer_cells,
    peer_channels,
    peer_metrics,
    peer_number,
    peer_positions,
    peer_ranks,
    pooled,
)
from goldens import arrays, root_of
from goldens import read as golden

FILES = {kind: f"webvid8m-covr_test_{kind}.csv" for kind in ("sorted", "shuffled")}
ROWS = {kind: list(read_rows(root_of("covr"), file)) for kind, file in FILES.items()}
EXPECTED = golden("covr/expected.json")
GIVEN = arrays("covr/embeddings.npz")
POOLINGS: tuple[Pooling, ...] = ("query", "mean", "middle")


def scores_of(kind: str, pooling: Pooling) -> Any:
    place = {(row.query, row.target): n for n, row in enumerate(ROWS["sorted"])}
    asked = GIVEN["queries"][[place[row.query, row.target] for row in ROWS[kind]]]
    return asked / np.linalg.norm(asked, axis=1, keepdims=True) @ targets(kind, pooling).T


def targets(kind: str, pooling: Pooling) -> Any:
    return np.stack(
        [pooled(GIVEN[f"frames/{row.target}"], row.scores, pooling) for row in ROWS[kind]]
    )


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_rank_and_recall(kind: str, pooling: Pooling) -> None:
    scores, right = scores_of(kind, pooling), np.arange(len(ROWS[kind]))
    cells = peer_cells(ROWS[kind])
    wanted = EXPECTED[f"{kind}/{pooling}/masked"]
    assert peer_metrics(peer_ranks(scores, cells, right)) == wanted["recalls"]
    assert peer_ranks(scores, cells, right).tolist() == wanted["ranks_in_item_order"]
    assert np.argwhere(cells).tolist() == wanted["masked"]
    none = EXPECTED[f"{kind}/{pooling}/unmasked"]
    assert peer_metrics(peer_ranks(scores, np.zeros_like(cells), right)) == none["recalls"]
    (task,) = read(root_of("covr"), [FILES[kind]])
    ranks = peer_ranks(scores, left_out_cells(task), right)
    assert ranks.tolist() == wanted["own ranks of the intended rule, in the csv's row order"]
    rule = wanted["own implementation of the intended rule"]
    assert {name: peer_metrics(ranks)[name] for name in rule} == rule


def test_the_peers_mask_is_right_only_in_a_sorted_file() -> None:
    for kind, same in (("sorted", True), ("shuffled", False)):
        (task,) = read(root_of("covr"), [FILES[kind]])
        assert np.array_equal(peer_cells(ROWS[kind]), left_out_cells(task)) == same


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooled_targets_and_similarities(pooling: Pooling) -> None:
    recorded = arrays("covr/arrays.npz")
    unit = recorded[f"targets/{pooling}"]
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    np.testing.assert_allclose(targets("sorted", pooling), unit, atol=1e-6)
    if pooling == "mean":
        (task,) = read(root_of("covr"), [FILES["sorted"]])
        scores = scores_of("sorted", pooling)
        plain = recorded["similarity/sorted/mean/unmasked"]
        np.testing.assert_allclose(scores, plain, atol=1e-6)
        masked = np.where(left_out_cells(task), -10, scores)
        np.testing.assert_allclose(masked, recorded["similarity/sorted/mean/masked"], atol=1e-6)


def test_frames_weigh_the_same_where_their_scores_are_of_another_video() -> None:
    frames = np.eye(3)
    np.testing.assert_allclose(pooled(frames, [1.0, 2.0], "query"), np.full(3, 3**-0.5))
    assert pooled(frames, [0.0, 0.0, 9.0], "query")[2] == pytest.approx(1.0)
    assert pooled(frames, [], "middle").tolist() == [0, 1, 0]
    many = np.repeat(np.eye(2), [28, 2], axis=0)
    assert pooled(many, [1.0] * 15, "mean")[0] == pytest.approx(14 / np.hypot(14, 1))
    with pytest.raises(InputError, match="frames"):
        pooled(np.zeros((0, 3)), [], "mean")


def test_a_query_that_looks_for_its_own_video_comes_last_and_ties_go_to_the_last() -> None:
    ranks = peer_ranks(np.zeros((2, 3)), np.eye(2, 3, dtype=bool), np.asarray([0, 1]))
    assert ranks.tolist() == [2, 2]
    ties = peer_ranks(np.zeros((1, 3)), np.zeros((1, 3), bool), np.asarray([2]))
    assert ties.tolist() == [0]


def test_videos_are_integers_to_the_peer() -> None:
    for path, number in golden("covr/ids.json").items():
        assert peer_number(path) == number
    with pytest.raises(InputError, match="63 bits"):
        peer_number("12345678901/123456789012")
    assert peer_number("1/2") == peer_number("102")
    row = Row("x:2", "1/2", "102", "", ())
    assert peer_cells([row]).all()


def test_places_of_several_frames_are_one_before_and_repeated() -> None:
    for length, found in golden("covr/frames.json")["lengths"].items():
        (name,) = (key for key in found if key.startswith("positions_sought_by_the_loader_"))
        count = int(name.rpartition("_")[2])
        assert peer_positions(int(length), count) == found[name]


def test_frames_of_candidates_go_in_with_blue_first() -> None:
    (pixel,) = (v for k, v in golden("covr/frames.json").items() if k.startswith("first pixel"))
    frame = np.asarray([[pixel["query"]]])
    assert peer_channels(frame, query=True)[0, 0].tolist() == pixel["query"]
    assert peer_channels(frame, query=False)[0, 0].tolist() == pixel["target"]
