"""Batches of pictures and texts: what is absent, what is bad, and ids."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forks import ended_in_fork
from gcl_spec.config.toml import loads
from gcl_spec.data.prepare.collate import Collator, assemble, has_any, without_bad
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError, InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in range(2):
        Image.new("RGB", (8, 8), (100 * n + 50, 0, 0)).save(tmp_path / f"{n}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture(params=[1, 4])
def collate(folder: Path, request: pytest.FixtureRequest) -> Collator:
    config = loads("", ["model.image_size=32"])
    return Collator(config, FolderRoot(folder), threads=request.param)


def test_pictures_and_texts_in_their_places(collate: Collator) -> None:
    batch = collate({"image": ["1.png", None, "0.png"], "text": ["a", "b", None]})
    pixels = batch.inputs["image/pixels"]
    assert [int(x[4, 4, 0]) for x in pixels] == [150, 0, 50]
    found = {name: flags.tolist() for name, flags in batch.present.items()}
    assert found == {"image": [True, False, True], "text": [True, True, False]}
    assert batch.ids.tolist() == [0, 1, 2]
    given = collate({"image": ["1.png"], "text": ["a"]}, np.asarray([9]))
    assert given.ids.tolist() == [9]


def test_a_modality_that_no_sample_has_is_left_out_unless_every_one_is_wanted(
    collate: Collator,
) -> None:
    assert "image/pixels" not in collate({"image": [None], "text": ["a"]}).inputs
    shown = collate({"image": ["0.png"], "text": [None]}).inputs
    assert not any(name.startswith("text/") for name in shown)
    whole = collate({"image": [None], "text": ["a"]}, every=True)
    assert not whole.inputs["image/pixels"].any()
    assert {name: flags.tolist() for name, flags in whole.present.items()} == {
        "image": [False],
        "text": [True],
    }


def test_a_modality_that_the_model_does_not_take(collate: Collator) -> None:
    with pytest.raises(InputError, match="samples with 'audio': this model takes image and text"):
        collate({"audio": ["bark.wav"]})


def test_a_bad_picture_is_an_error_or_takes_its_sample_with_it(collate: Collator) -> None:
    with pytest.raises(DataError, match=r"bad\.png"):
        collate({"image": ["bad.png"], "text": ["a"]})
    bad: dict[str, str] = {}
    batch = collate({"image": ["bad.png", "0.png", "gone.png"], "text": ["a", "b", "c"]}, bad=bad)
    assert set(bad) == {"bad.png", "gone.png"}
    assert all(flags.tolist() == [False, True, False] for flags in batch.present.values())


# The child calls nothing of another library, whose threads it would lack.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_process_decodes_too(collate: Collator) -> None:
    items = {"image": ["0.png", "1.png"] * 40}
    before = collate(items).inputs["image/pixels"]

    def again() -> None:
        assert np.array_equal(collate(items).inputs["image/pixels"], before)

    assert ended_in_fork(again) == 0


def test_parts_of_bad_samples_are_none() -> None:
    items = {"image": ["x", None, "y"], "text": ["a", "b", None]}
    kept = {"image": [None, None, "y"], "text": [None, "b", None]}
    assert without_bad(items, {"x": "why"}) == kept
    assert without_bad(items, None) is items
    assert has_any(items, "text", every=False)
    assert not has_any({"text": [None]}, "text", every=False)
    assert has_any({"text": [None]}, "text", every=True)
    assert not has_any({"text": [None]}, "image", every=True)


def test_a_batch_of_arrays() -> None:
    batch = assemble({}, {"image": ["x", None], "text": [None, "b"]}, None)
    assert {name: flags.tolist() for name, flags in batch.present.items()} == {
        "image": [True, False],
        "text": [False, True],
    }
    assert batch.ids.dtype == np.int64
