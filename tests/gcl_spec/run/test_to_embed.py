"""Which items of data are embedded, and what names a model."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fake import FakeBackend
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import DataError
from gcl_spec.run.to_embed import Described, data_of, local_config, maker_of, tasks_of
from goldens import GOLDENS
from loop_config import fast
from tiles_on_disk import write_data


@dataclass(frozen=True, slots=True)
class Later(ModelConfig):
    """The options of a version to come."""

    more: float = 0.5


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return fast(write_data(tmp_path / "data"), tmp_path / "cache")


def test_tasks_are_embedded_where_there_are_some(config: Config, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    found = data_of(config, Described(data))
    assert (found.described.items, len(found.listing)) == ("tasks", 16)
    assert "--items train embeds the samples of its train.jsonl" in found.notes[-1]
    assert not data_of(config, Described(data, items="tasks")).notes
    found = data_of(config, Described(data, items="train"))
    assert (found.described.items, len(found.listing)) == ("train", 24)
    assert "several captions" in found.notes[-1]
    found = data_of(config, Described(f"{data}/train.jsonl"))
    assert found.described.items == "train"
    assert Described.from_json(found.described.to_json()) == found.described
    with pytest.raises(DataError):
        data_of(config, Described(f"{data}/none"))


def test_benchmarks(config: Config) -> None:
    plain, _ = tasks_of(Described(str(GOLDENS / "mbeir"), "mbeir"))
    asked, _ = tasks_of(Described(str(GOLDENS / "mbeir"), "mbeir", instructions=True))
    assert plain[0].queries != asked[0].queries
    found = data_of(config, Described(str(GOLDENS / "mmeb"), "mmeb"))
    assert len(found.listing) > 8


def test_vectors(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", image=np.eye(4, 3) + 1, caption=np.eye(4, 5) + 1)
    config = Config()
    config = replace(config, model=replace(config.model, kind="adapter"))
    found = data_of(config, Described(str(tmp_path / "rows.npz")))
    entries = found.listing.entries(slice(0, 4))
    assert {entry.modality for entry in entries} == {"image+text"}
    assert len({tuple(found.contents.of(entry)) for entry in entries}) == 4
    write_data(tmp_path / "data")
    with pytest.raises(DataError, match="holds no vectors"):
        data_of(config, Described(str(tmp_path / "data")))


def test_what_changes_rows_changes_the_name_of_the_model(config: Config) -> None:
    state = {"params/a": np.ones(3), "optim/a": np.ones(3), "step": np.asarray(7)}

    def made(config: Config, **arrays: object) -> tuple[str, str]:
        found = maker_of(
            config, {**state, **arrays}, "r", backend="torch", dtype="float32", size=3,  # type: ignore[dict-item]
        )  # fmt: skip
        assert found.model == "r, step 7"
        return found.weights, found.preprocessing

    first = made(config)
    assert made(config, **{"optim/a": np.zeros(3)}) == first
    assert made(config, **{"params/a": np.zeros(3)})[0] != first[0]
    assert made(config, **{"ema/params/a": np.zeros(3)})[0] != first[0]
    larger = replace(config, model=replace(config.model, image_size=64))
    assert made(larger)[1] != first[1]
    assert made(replace(config, model=replace(config.model, fuse="unit")))[0] != first[0]


def test_each_process_has_the_whole_model(config: Config) -> None:
    alone = local_config(replace(config, train=replace(config.train, shard=True, devices=2)))
    assert (alone.train.shard, alone.train.devices) == (False, 1)
    assert all(alone.train.batch_size % n == 0 for n in range(1, 17))


def test_an_option_of_a_later_version_makes_no_other_model(config: Config) -> None:
    state = FakeBackend().trainer(config, device="cpu").state()

    def name_of(model: ModelConfig) -> str:
        changed = replace(config, model=model)
        made = maker_of(changed, state, "run", backend="fake", dtype="float32", size=8)
        return made.weights

    later = Later(**asdict(config.model))
    assert name_of(later) == name_of(config.model)
    assert name_of(replace(later, more=0.6)) != name_of(later)
    assert name_of(replace(config.model, fuse="unit")) != name_of(config.model)
    assert name_of(replace(config.model, path="elsewhere")) == name_of(config.model)
