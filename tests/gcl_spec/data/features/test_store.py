"""Cached outputs of frozen towers: computed once, never wrong, kept through interruptions."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counting_towers import Counting, settings
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config, DataConfig
from gcl_spec.data.features import store as features
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from repository import HELPERS


@pytest.fixture
def data(tmp_path: Path) -> tuple[Config, Collator]:
    for n in range(3):
        Image.new("RGB", (8, 8), (n, 2 * n, 0)).save(tmp_path / f"{n}.png")
    return settings(tmp_path)


def test_features_are_computed_once(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    images, texts = ["0.png", "1.png", "2.png", "1.png"], ["a", "b", "a"]
    one = Counting()
    store = FeatureStore(config, collator, one)
    store.prepare({"image": images, "text": texts})
    assert one.seen == 5
    batch = store({"image": ["2.png", None], "text": ["a", "b"]}, np.asarray([4, 4]))
    assert batch.inputs["image/features"].tolist() == [[2.0, 4.0, 0.0], [0.0, 0.0, 0.0]]
    assert batch.has("image").tolist() == [True, False]
    assert batch.has("text").tolist() == [True, True]
    assert batch.has("image+text").tolist() == [True, False]
    assert "text/features" not in store({"image": ["0.png"], "text": [None]}).inputs
    whole = store({"image": ["0.png"], "text": [None]}, every=True)
    assert whole.inputs["text/features"].tolist() == [[0.0]]
    assert not whole.has("text").any()
    assert not whole.has("image+text").any()
    again = Counting()
    FeatureStore(config, collator, again).prepare({"image": images, "text": texts})
    assert again.seen == 0, "the second run reads the cache"
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:-3])
    damaged = Counting()
    FeatureStore(config, collator, damaged).prepare({"image": images, "text": texts})
    assert damaged.seen == 5, "a damaged cache is computed anew"
    with pytest.raises(DataError, match="was not prepared"):
        store({"image": ["9.png"], "text": [None]})


def test_cache_goes_by_content(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    FeatureStore(config, collator, Counting()).prepare({"image": ["0.png"]})
    Image.new("RGB", (8, 8), (200, 0, 0)).save(tmp_path / "0.png")
    changed = Counting()
    store = FeatureStore(config, collator, changed)
    store.prepare({"image": ["0.png"]})
    assert changed.seen == 1
    assert store({"image": ["0.png"], "text": [None]}).inputs["image/features"][0, 0] == 200


@pytest.mark.parametrize(
    ("version", "kind"),
    [("pictures.PREPROCESSING_VERSION", "image"), ("tokenizer.TOKENIZING_VERSION", "text")],
)
def test_cache_goes_by_the_version_of_the_preprocessing(
    data: tuple[Config, Collator], monkeypatch: pytest.MonkeyPatch, version: str, kind: str
) -> None:
    config, collator = data
    wanted = {"image": ["0.png"]} if kind == "image" else {"text": ["a"]}
    FeatureStore(config, collator, Counting()).prepare(wanted)
    monkeypatch.setattr(f"gcl_spec.data.prepare.{version}", 99)
    later = Counting()
    FeatureStore(config, collator, later).prepare(wanted)
    assert later.seen == 1


class Says(Quiet):
    """Keeps the lines that a reporter would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def cache_file(tmp_path: Path, kind: str) -> Path:
    (found,) = (tmp_path / "cache").glob(f"{kind}-*.safetensors")
    return found


def test_a_damaged_cache_is_told_and_mended(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    FeatureStore(config, collator, Counting()).prepare({"image": ["0.png", "1.png"]})
    path = cache_file(tmp_path, "image")
    good = path.read_bytes()
    path.write_bytes(good[:-4] + b"\x00\x00\x80\x3f")  # the last feature is 1.0
    says, again = Says(), Counting()
    store = FeatureStore(config, collator, again)
    store.prepare({"image": ["0.png", "1.png"]}, says)
    assert again.seen == 2
    assert says.lines == [
        f"warning: {path}: damaged cache of tower outputs (its checksum does not fit); "
        "its rows are computed anew"
    ]
    assert store({"image": ["1.png"], "text": [None]}).inputs["image/features"].tolist() == [
        [1.0, 2.0, 0.0]
    ]
    assert path.read_bytes() == good


def test_a_tower_that_gives_nan_fills_no_cache(
    data: tuple[Config, Collator], tmp_path: Path
) -> None:
    config, collator = data

    def broken(batch: Batch) -> Mapping[str, np.ndarray]:
        return {"image": np.asarray([[1.0], [np.nan]], np.float32)[: len(batch)]}

    with pytest.raises(DataError, match=r"image tower.* '1\.png' .*NaN or Inf"):
        FeatureStore(config, collator, broken).prepare({"image": ["0.png", "1.png"]})
    assert not list(tmp_path.glob("cache/*"))


def test_rows_of_another_width_are_not_mixed(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    FeatureStore(config, collator, Counting()).prepare({"image": ["0.png"]})

    def wide(batch: Batch) -> Mapping[str, np.ndarray]:
        return {"image": np.ones((len(batch), 5), np.float32)}

    with pytest.raises(DataError, match=r"gives 5 numbers .* the cache .* 3; remove"):
        FeatureStore(config, collator, wide).prepare({"image": ["0.png", "1.png"]})


class Dying(Counting):
    """Is interrupted at its n-th batch."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def __call__(self, batch: Batch) -> Mapping[str, np.ndarray]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__call__(batch)


def many(monkeypatch: pytest.MonkeyPatch, count: int) -> list[str]:
    """Texts of a batch each, saved every second batch."""
    monkeypatch.setattr(features, "_BATCH", 1)
    monkeypatch.setattr(features, "_SAVE_EVERY", 2)
    return [f"text {n}" for n in range(count)]


def test_an_interrupted_pass_goes_on(
    data: tuple[Config, Collator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, collator = data
    texts = many(monkeypatch, 7)
    for batches in (5, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            FeatureStore(config, collator, Dying(batches)).prepare({"text": texts})
    last = Counting()
    store = FeatureStore(config, collator, last)
    store.prepare({"text": texts})
    assert last.seen == 7 - 4 - 2, "of 5, 1 and 2 batches 4, 0 and 2 were saved"
    fresh = FeatureStore(
        replace(config, data=DataConfig(cache=str(tmp_path / "b"))), collator, last
    )
    fresh.prepare({"text": texts})
    found, want = (s({"text": texts}).inputs["text/features"] for s in (store, fresh))
    assert np.array_equal(found, want)
    assert len(list((tmp_path / "cache").iterdir())) == 1, "the parts became one file"
    again = Counting()
    FeatureStore(config, collator, again).prepare({"text": texts})
    assert again.seen == 0


def test_parts_of_another_key_are_left_alone(
    data: tuple[Config, Collator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, collator = data
    texts = many(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt):
        FeatureStore(config, collator, Dying(5)).prepare({"text": texts})
    parts = set((tmp_path / "cache").iterdir())
    assert len(parts) == 2
    other = replace(config, model=replace(config.model, max_tokens=9))
    counting = Counting()
    FeatureStore(other, Collator(other), counting).prepare({"text": texts})
    assert counting.seen == 6
    assert parts < set((tmp_path / "cache").iterdir())


def test_a_damaged_part_is_told_and_computed_anew(
    data: tuple[Config, Collator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, collator = data
    texts = many(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt):
        FeatureStore(config, collator, Dying(5)).prepare({"text": texts})
    part = sorted((tmp_path / "cache").iterdir())[0]
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    says, again = Says(), Counting()
    FeatureStore(config, collator, again).prepare({"text": texts}, says)
    assert again.seen == 4
    assert [line.split(":")[1].strip() for line in says.lines] == [str(part)]
    assert len(list((tmp_path / "cache").iterdir())) == 1


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from counting_towers import Counting, settings
from gcl_spec.data.features import store
store._BATCH, store._SAVE_EVERY = 1, 2
class Stuck(Counting):
    def __call__(self, batch):
        if self.seen == 9:
            time.sleep(3600)  # until it is killed
        return super().__call__(batch)
texts = [f"text {{n}}" for n in range(200)]
config, collator = settings(Path(sys.argv[1]))
store.FeatureStore(config, collator, Stuck()).prepare({{"text": texts}})
"""


def test_kill_9_keeps_what_was_saved(data: tuple[Config, Collator], tmp_path: Path) -> None:
    code = CHILD.format(here=str(HELPERS))
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as child:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob("cache/text-*.part-*"))) < 4 and time.monotonic() < deadline:
            assert child.poll() is None, "it ended by itself"
            time.sleep(0.02)
        child.kill()
    again = Counting()
    config, collator = data
    FeatureStore(config, collator, again).prepare({"text": [f"text {n}" for n in range(200)]})
    assert again.seen == 200 - 4 * 2


def test_pictures_of_which_none_can_be_read(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    for name in ("x.png", "y.png"):
        (tmp_path / name).write_bytes(f"no picture: {name}".encode())
    counting, bad = Counting(), {}  # type: Counting, dict[str, str]
    store = FeatureStore(config, collator, counting)
    store.prepare({"image": ["x.png", "y.png", "gone.png"], "text": ["a"]}, bad=bad)
    assert set(bad) == {"x.png", "y.png", "gone.png"}
    assert counting.seen == 1, "the text alone"
    assert [file.name.partition("-")[0] for file in (tmp_path / "cache").iterdir()] == ["text"]
    met: dict[str, str] = {}
    batch = store(
        {"image": ["x.png", "gone.png", None], "text": ["a", None, "a"]}, bad=met, every=True
    )
    assert met == {name: bad[name] for name in ("x.png", "gone.png")}
    # Of a sample whose picture is bad nothing is used.
    assert batch.has("image").tolist() == [False] * 3
    assert batch.has("text").tolist() == [False, False, True]
    assert set(batch.inputs) == {"text/features"}
    again: dict[str, str] = {}
    FeatureStore(config, collator, counting).prepare({"image": ["x.png", "y.png"]}, bad=again)
    assert again == {name: bad[name] for name in ("x.png", "y.png")}
    assert counting.seen == 1
