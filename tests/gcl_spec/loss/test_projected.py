"""Rows for the loss of a model's projections: fused by the loss, or as the model gives them."""

import numpy as np
import pytest

from gcl_spec.batch import embeddings
from gcl_spec.errors import ConfigError
from gcl_spec.loss import contrastive_loss
from gcl_spec.loss.projected import of_projections
from gcl_spec.objective import CLIP, GCL, TRIPLETS, ratio_weights

RNG = np.random.default_rng(0)
ROWS = {name: RNG.normal(size=(5, 4)) for name in ("image", "text")}
JOINT = ROWS | {"image+text": RNG.normal(size=(5, 4))}
IDS = np.arange(5)
HERE = {"image": np.arange(5) != 1, "text": np.arange(5) != 3}


@pytest.mark.parametrize("raw", [True, False])
def test_what_the_model_does_not_encode_is_fused(raw: bool) -> None:
    found = of_projections(ROWS, HERE, IDS, GCL, fuse="raw" if raw else "unit", pairs=False, xp=np)
    whole = embeddings(ROWS, GCL.modalities, fuse="raw" if raw else "unit", present=HERE)
    got = contrastive_loss(
        found.rows, log_scale=1.0, objective=GCL, present=found.present, weights=found.weights
    )
    assert list(found.rows) == ["image", "text"]
    assert (found.weights is None) == (not raw)
    want = contrastive_loss(whole, log_scale=1.0, objective=GCL, present=HERE)
    assert float(got) == pytest.approx(float(want))


def test_a_joint_encoding_is_a_row_like_any_other() -> None:
    found = of_projections(JOINT, HERE, IDS, GCL, fuse="unit", pairs=False, xp=np)
    assert list(found.rows) == ["image", "text", "image+text"]
    assert found.weights is None
    assert found.present["image+text"].tolist() == [True, False, True, False, True]
    np.testing.assert_allclose(np.linalg.norm(found.rows["image+text"], axis=1), 1)
    changed = dict(JOINT) | {"image+text": JOINT["image+text"].copy()}
    changed["image+text"][[1, 3]] = np.nan  # of samples that lack a part
    losses = [
        float(contrastive_loss(made.rows, log_scale=1.0, objective=GCL, present=made.present))
        for made in (
            found,
            of_projections(changed, HERE, IDS, GCL, fuse="unit", pairs=False, xp=np),
        )
    ]
    assert losses[0] == losses[1]


def test_an_objective_without_it_takes_no_notice() -> None:
    found = of_projections(JOINT, HERE, IDS, CLIP, fuse="unit", pairs=False, xp=np)
    assert list(found.rows) == ["image", "text"]


def test_embeddings_take_it_as_it_comes() -> None:
    found = embeddings(JOINT, GCL.modalities, fuse="joint", present=HERE)
    want = JOINT["image+text"] / np.linalg.norm(JOINT["image+text"], axis=1, keepdims=True)
    np.testing.assert_allclose(found["image+text"][[0, 2, 4]], want[[0, 2, 4]])
    assert not found["image+text"][[1, 3]].any()
    with pytest.raises(ConfigError, match=r"fuse = 'joint': the model does not encode image\+text"):
        embeddings(ROWS, GCL.modalities, fuse="joint")


def test_queries_and_their_targets_are_taken_apart() -> None:
    rows = {name: RNG.normal(size=(6, 4)) for name in JOINT}
    here = {name: np.arange(6) != 4 for name in ROWS}
    ids = np.arange(6) // 2
    found = of_projections(rows, here, ids, TRIPLETS, fuse="unit", pairs=True, xp=np)
    assert found.ids.tolist() == [0, 1, 2]
    names = {d.query for d in found.objective.directions}
    assert names == {"text", "image+text"}
    want = rows["image+text"][1::2] / np.linalg.norm(rows["image+text"][1::2], axis=1)[:, None]
    np.testing.assert_allclose(found.rows["target_image+target_text"], want)
    assert found.present["image+text"].tolist() == [True, True, False]
    assert found.present["target_image"].tolist() == [True, True, True]


LEARNED = ratio_weights(np.asarray([0.7]), ["image+text"], xp=np)


def test_learned_weights_are_those_of_embeddings() -> None:
    found = of_projections(
        ROWS, HERE, IDS, GCL, fuse="learned", weights=LEARNED, pairs=False, xp=np
    )
    got = contrastive_loss(
        found.rows, log_scale=1.0, objective=GCL, present=found.present, weights=found.weights
    )
    whole = embeddings(ROWS, GCL.modalities, fuse="learned", weights=LEARNED, present=HERE)
    want = contrastive_loss(whole, log_scale=1.0, objective=GCL, present=HERE)
    assert float(got) == pytest.approx(float(want))
    equal = embeddings(ROWS, GCL.modalities, fuse="unit", present=HERE)
    other = contrastive_loss(equal, log_scale=1.0, objective=GCL, present=HERE)
    assert abs(float(got) - float(other)) > 1e-3


def test_a_target_has_the_weights_of_its_modality() -> None:
    rows = {name: RNG.normal(size=(6, 4)) for name in ROWS}
    here = {name: np.ones(6, bool) for name in ROWS}
    found = of_projections(
        rows, here, np.arange(6), TRIPLETS, fuse="learned", weights=LEARNED, pairs=True, xp=np
    )
    assert found.weights is not None
    assert {*found.weights} == {"image+text", "target_image+target_text"}
    for a, b in found.weights.values():
        np.testing.assert_allclose(a / b, np.full(3, np.exp(0.7)))
    one_way = of_projections(
        rows, here, np.arange(6), CLIP, fuse="learned", weights=LEARNED, pairs=True, xp=np
    )
    assert one_way.weights == {}, "the loss takes no weights of a row that it has not"


def test_a_target_is_centred_by_the_mean_of_its_modality() -> None:
    rows = {name: RNG.normal(size=(6, 4)) for name in ROWS}
    here = {name: np.ones(6, bool) for name in ROWS}
    means = {"image": np.full(4, 0.2), "text": np.full(4, -0.1)}
    found = of_projections(
        rows, here, np.arange(6), TRIPLETS, fuse="centred", means=means, pairs=True, xp=np
    )
    want = embeddings(rows, ["image", "text"], fuse="centred", means=means)
    assert found.weights is None
    for name in ("image", "text"):
        np.testing.assert_allclose(found.rows[name], want[name][0::2])
        np.testing.assert_allclose(found.rows[f"target_{name}"], want[name][1::2])
