"""Unit rows of images, texts and pairs: fusion, absence, gradients, types."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.batch import Batch, embeddings
from gcl_spec.errors import ConfigError
from gcl_spec.objective import ratio_weights

IMAGE = np.asarray([[3.0, 4.0], [0.0, 2.0], [6.0, 8.0], [1.0, 0.0]])
TEXT = np.asarray([[4.0, -3.0], [5.0, 0.0], [1.0, 1.0], [0.0, 0.5]])


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


NAMES = ("image", "text", "image+text")
ROWS = {"image": IMAGE, "text": TEXT}


@pytest.mark.parametrize("fuse", ["raw", "unit"])
def test_rows_by_the_names_of_the_modalities(fuse: str) -> None:
    found = embeddings(ROWS, NAMES, fuse=fuse)  # type: ignore[arg-type]
    total = IMAGE + TEXT if fuse == "raw" else unit(IMAGE) + unit(TEXT)
    assert tuple(found) == NAMES
    for name, want in zip(NAMES, (IMAGE, TEXT, total), strict=True):
        np.testing.assert_allclose(found[name], unit(want))
    np.testing.assert_array_equal(
        embeddings(ROWS, NAMES)["image+text"], embeddings(ROWS, NAMES, fuse="raw")["image+text"]
    )


def test_any_modalities() -> None:
    rows = {"audio": IMAGE, "video": TEXT, "text": IMAGE - TEXT}
    found = embeddings(rows, ["text+audio", "video"])
    assert tuple(found) == ("text+audio", "video")
    np.testing.assert_allclose(found["text+audio"], unit(2 * IMAGE - TEXT))
    flags = {"audio": np.asarray([1, 0, 1, 1], bool), "text": np.asarray([1, 1, 0, 1], bool)}
    found = embeddings(rows, ["text+audio"], present=flags)
    assert np.any(found["text+audio"] != 0, axis=1).tolist() == [True, False, False, True]


@pytest.mark.parametrize("fuse", ["raw", "unit"])
def test_what_is_absent_is_zero_and_changes_nothing(fuse: str) -> None:
    """Each flag hides its own rows, also a fused row of which both parts are there."""
    here = np.asarray([[1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]], bool)
    image, text = IMAGE.copy(), TEXT.copy()
    image[1], text[2] = np.nan, np.inf
    flags = dict(zip(NAMES, here, strict=True))
    rows = {"image": image, "text": text}
    found = embeddings(rows, NAMES, fuse=fuse, present=flags)  # type: ignore[arg-type]
    kept = {n: np.where(flags[n][:, None], x, 0) for n, x in ROWS.items()}
    want = embeddings(ROWS, NAMES, fuse=fuse)  # type: ignore[arg-type]
    for name, z in found.items():
        assert not z[~flags[name]].any()
        np.testing.assert_array_equal(z[0], want[name][0])
    whole = embeddings(kept, NAMES)["image+text"]
    np.testing.assert_allclose(found["image+text"][1:3], whole[1:3], err_msg="the other part alone")


def test_gradients_of_what_is_absent_are_zero() -> None:
    here = torch.tensor([[1, 0, 1, 1], [1, 1, 0, 1], [1, 0, 0, 0]], dtype=torch.bool)
    image, text = torch.tensor(IMAGE, requires_grad=True), torch.tensor(TEXT, requires_grad=True)
    flags = dict(zip(NAMES, here, strict=True))
    z = embeddings({"image": image, "text": text}, NAMES, present=flags)
    torch.stack(list(z.values())).sum().backward()
    for rows, part in ((image, here[0]), (text, here[1])):
        assert rows.grad is not None
        assert not rows.grad[~part].any()
        assert rows.grad[part].abs().sum(-1).all()


def test_the_namespace_that_is_given_is_used() -> None:
    used: list[str] = []

    class Spy:
        def __getattr__(self, name: str) -> object:
            used.append(name)
            return getattr(np, name)

    found = embeddings(ROWS, NAMES, xp=Spy())  # type: ignore[arg-type]
    for name, want in embeddings(ROWS, NAMES).items():
        np.testing.assert_array_equal(found[name], want)
    assert used.count("sqrt") == 3, "three times normalised"


def test_a_fusion_of_another_name() -> None:
    with pytest.raises(ConfigError, match="fuse = 'sum': must be raw, unit, learned or"):
        embeddings(ROWS, NAMES, fuse="sum")  # type: ignore[arg-type]


def test_a_pair_is_there_where_both_parts_are() -> None:
    flags = {"image": np.asarray([1, 1, 0, 0], bool), "text": np.asarray([1, 0, 1, 0], bool)}
    batch = Batch({}, flags, np.arange(4))
    assert batch.has("image+text").tolist() == [True, False, False, False]
    assert not batch.has("audio").any()
    assert not batch.has("text+audio").any()


def test_the_length_is_the_number_of_samples() -> None:
    flags = {"image": np.ones(5, bool)}
    batch = Batch({"image/features": np.zeros((5, 2))}, flags, np.arange(5))
    assert len(batch) == 5


def test_presence_and_absent_rows() -> None:
    flags = {"image": np.asarray([True, True, False]), "text": np.asarray([True, False, True])}
    image = np.asarray([[3.0, 4.0], [0.0, 2.0], [np.nan, 1.0]])
    found = embeddings({"image": image, "text": np.ones((3, 2))}, NAMES, present=flags)
    for name, here in {**flags, "image+text": np.asarray([True, False, False])}.items():
        assert np.isfinite(found[name]).all()
        assert np.all(found[name][~here] == 0)
        assert np.allclose(np.linalg.norm(found[name][here], axis=-1), 1)
    with pytest.raises(ConfigError, match="must be raw, unit, learned or"):
        embeddings({"image": image}, ["image"], fuse="sum")  # type: ignore[arg-type]


def test_raw_fusion_weighs_by_norm() -> None:
    rows = {"image": np.asarray([[9.0, 0.0]]), "text": np.asarray([[0.0, 1.0]])}
    assert embeddings(rows, NAMES, fuse="raw")["image+text"][0, 0] > 0.99
    unit = embeddings(rows, NAMES, fuse="unit")["image+text"]
    assert unit[0, 0] == pytest.approx(0.5**0.5)


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_learned_weights_weigh_unit_rows(seed: int, log_ratio: float) -> None:
    rng = np.random.default_rng(seed)
    rows = {name: rng.normal(size=(3, 4)) for name in ("image", "text")}
    weights = ratio_weights(np.asarray([log_ratio]), ["image+text"], xp=np)
    found = embeddings(rows, NAMES, fuse="learned", weights=weights)
    units = {name: x / np.linalg.norm(x, axis=1, keepdims=True) for name, x in rows.items()}
    total = np.exp(log_ratio) * units["image"] + units["text"]
    want = total / np.linalg.norm(total, axis=1, keepdims=True)
    np.testing.assert_allclose(found["image+text"], want, atol=1e-9)
    np.testing.assert_allclose(found["image"], units["image"])
    equal = ratio_weights(np.zeros(1), ["image+text"], xp=np)
    np.testing.assert_array_equal(
        embeddings(rows, NAMES, fuse="learned", weights=equal)["image+text"],
        embeddings(rows, NAMES, fuse="unit")["image+text"],
    )
    with pytest.raises(ConfigError, match=r"no weights of the parts of image\+text"):
        embeddings(rows, NAMES, fuse="learned")


def test_centred_rows_want_a_mean_and_leave_absent_ones_zero() -> None:
    means = {"image": np.asarray([0.5, 0.0]), "text": np.asarray([0.0, 0.5])}
    here = {"image": np.asarray([True, False, True, True]), "text": np.ones(4, bool)}
    found = embeddings(ROWS, NAMES, fuse="centred", means=means, present=here)
    assert not found["image"][1].any()
    assert not found["image+text"][1].any()
    unit = IMAGE[0] / 5 - means["image"]
    np.testing.assert_allclose(found["image"][0], unit / np.linalg.norm(unit))
    for rows, known in (({**ROWS, "image+text": IMAGE}, means), (ROWS, {"image": IMAGE[0]})):
        with pytest.raises(ConfigError, match=r"centred': no mean of the rows of (image\+)?text"):
            embeddings(rows, NAMES, fuse="centred", means=known)
