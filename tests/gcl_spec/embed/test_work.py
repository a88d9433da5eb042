"""A folder of embeddings is the same however often it was begun, and by how many processes."""

import json
import os
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding import ITEMS, MAKER, SIZE, calls, files, work
from gcl_spec.embed.work import Work
from gcl_spec.errors import ConfigError, DataError, TrainingError
from gcl_spec.run.embedded import load_embeddings, searchable
from gcl_spec.search import top_k
from gcl_spec.train.world import single
from loop_config import Said
from thread_world import in_threads
from tiles_on_disk import write_data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def test_a_folder_holds_a_unit_row_an_item_and_is_searched_as_it_is(
    data: Path, tmp_path: Path
) -> None:
    made = work(data, tmp_path / "rows")
    manifest = made.run(single())
    assert manifest is not None
    assert (manifest.items, manifest.rows, dict(manifest.modalities)) == (
        ITEMS, ITEMS, {"image": 8, "text": 8},
    )  # fmt: skip
    stored = load_embeddings(tmp_path / "rows")
    shards = list(stored.shards())
    assert [len(shard.ids) for shard in shards] == [5, 5, 5, 1]
    assert shards[0].ids == ("q0", "q1", "q2", "q3", "q4")
    rows = np.concatenate([np.load(shard.rows) for shard in shards])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    found = top_k(rows, searchable(stored), 1, modalities=["image"])
    assert set(found.ids_QK.ravel().tolist()) <= set(range(8, 16))
    np.testing.assert_array_equal(
        top_k(rows[8:], searchable(stored), 1).scores_QK.ravel().round(6), 1
    )


def test_nothing_is_computed_again_and_what_is_damaged_is(data: Path, tmp_path: Path) -> None:
    work(data, tmp_path / "rows").run(single())
    whole = files(tmp_path / "rows")
    again = work(data, tmp_path / "rows")
    again.run(single())
    assert calls(again) == 0
    assert files(tmp_path / "rows") == whole
    for name in whole:
        path = tmp_path / "rows" / name
        path.write_bytes(whole[name][:-3] + b"xyz")
        if name != "absent.jsonl":  # it says again what the lists of the shards say
            with pytest.raises(DataError):
                list(load_embeddings(tmp_path / "rows").shards())
        again = work(data, tmp_path / "rows")
        again.run(single(), Said())
        assert files(tmp_path / "rows") == whole, name
        assert calls(again) <= 3


def test_only_what_has_changed_is_computed(data: Path, tmp_path: Path) -> None:
    work(data, tmp_path / "rows").run(single())
    shutil.copy(data / "6.png", data / "0.png")  # candidate c0, number 8, of the second shard
    again = work(data, tmp_path / "rows")
    again.run(single())
    assert calls(again) == 3
    fresh = work(data, tmp_path / "fresh")
    fresh.run(single())
    assert files(tmp_path / "rows") == files(tmp_path / "fresh")
    queries = data / "tasks" / "t2i" / "queries.jsonl"
    queries.write_text("".join(queries.read_text().splitlines(True)[:4]))
    (data / "tasks" / "t2i" / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\n" for n in range(4)))
    work(data, tmp_path / "rows").run(single())
    work(data, tmp_path / "fewer").run(single())
    assert files(tmp_path / "rows") == files(tmp_path / "fewer")


def test_several_processes_write_the_same_bytes(data: Path, tmp_path: Path) -> None:
    work(data, tmp_path / "one").run(single())
    found = in_threads(lambda member: work(data, tmp_path / "two").run(member))
    assert found[0] is not None
    assert found[1] is None
    assert files(tmp_path / "two") == files(tmp_path / "one")


def test_all_processes_hear_of_an_error_of_one(data: Path, tmp_path: Path) -> None:
    def run(member: object) -> None:
        made = work(data, tmp_path / "rows")
        if member.rank == 1:  # type: ignore[attr-defined]
            made.encoder.trainer.maps["text"] *= np.nan  # type: ignore[attr-defined]
        made.run(member)  # type: ignore[arg-type]

    first, second = in_threads(run)
    assert isinstance(first, TrainingError)
    assert "no finite embedding of item" in str(second)
    assert not (tmp_path / "rows" / "manifest.json").exists()


def test_items_that_cannot_be_read_are_listed_and_have_no_row(data: Path, tmp_path: Path) -> None:
    (data / "1.png").write_bytes(b"no picture")
    (data / "2.png").unlink()
    work(data, tmp_path / "rows").run(single())
    lines = (tmp_path / "rows" / "absent.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [(x["number"], x["id"]) for x in found] == [(9, "c1"), (10, "c2")]
    assert "1.png" in found[0]["absent"]
    stored = load_embeddings(tmp_path / "rows")
    numbers = [n for shard in stored.shards() for n in shard.numbers_R.tolist()]
    assert numbers == [*range(9), *range(11, 16)]
    assert all(np.load(shard.rows).any(axis=1).all() for shard in stored.shards())
    for name in map(str, range(8)):
        (data / f"{name}.png").write_bytes(b"")
    work(data, tmp_path / "all").run(single())  # queries are texts
    assert len((tmp_path / "all" / "absent.jsonl").read_text().splitlines()) == 8


def test_training_samples_are_embedded_whole(data: Path, tmp_path: Path) -> None:
    with (data / "train.jsonl").open("a") as file:
        file.write('{"id": "odd"}\n')
    manifest = work(data, tmp_path / "rows", items="train").run(single())
    assert manifest is not None
    assert dict(manifest.modalities) == {"image+text": 24}
    assert "neither image nor captions" in (tmp_path / "rows" / "absent.jsonl").read_text()


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"model": "b, step 1", "weights": "f" * 64}, DataError, r"tiles, step 0 \(0+\), not of b"),
        ({"preprocessing": "f" * 64}, DataError, "with other preprocessing"),
        ({"dtype": "float16"}, ConfigError, "begun with dtype float32, and now has float16"),
        ({"size": SIZE + 1}, ConfigError, "begun with shards of 5"),
        ({"arithmetic": "jax"}, ConfigError, "begun with the arithmetic fake"),
    ],
)
def test_rows_of_another_kind_are_refused(
    data: Path, tmp_path: Path, changed: dict[str, str], error: type[Exception], match: str
) -> None:
    work(data, tmp_path / "rows").run(single())
    whole = files(tmp_path / "rows")
    with pytest.raises(error, match=match):
        work(data, tmp_path / "rows", replace(MAKER, **changed)).run(single())  # type: ignore[arg-type]
    assert files(tmp_path / "rows") == whole


def test_a_folder_of_something_else_is_left_alone(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not empty and holds no embeddings"):
        work(data, data).run(single())
    with pytest.raises(DataError, match="no folder of embeddings"):
        load_embeddings(data)


def test_half_precision(data: Path, tmp_path: Path) -> None:
    work(data, tmp_path / "rows", replace(MAKER, dtype="float16")).run(single())
    stored = load_embeddings(tmp_path / "rows")
    assert np.load(next(stored.shards()).rows).dtype == np.float16
    row = stored.read(stored.places([(("text", "a red tile 0"),)]))
    assert np.linalg.norm(row) == pytest.approx(1, rel=1e-6)


# The children write files alone, and end without JAX's threads.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_kill_at_any_moment_changes_no_byte(data: Path, tmp_path: Path) -> None:
    """Each child is killed at one of its own moments: a call that touches the disk, or a batch."""
    made = work(data, tmp_path / "whole")
    made.run(single())
    whole, rng = files(made.folder), random.Random(0)
    # Nothing of it runs here: a child would lack the threads of its parent.
    unrun = work(data, tmp_path / "none")
    for number in range(8):
        out = tmp_path / f"killed{number}"
        ended = [_killed(replace(unrun, folder=out), rng.randint(1, 60)) for _ in range(3)]
        assert signal.SIGKILL in ended
        replace(made, folder=out).run(single())
        assert files(out) == whole


def _killed(made: Work, at: int) -> int:
    """Embed in a child that is killed at moment `at`; the number of the signal, 0 for its end."""
    from kills import Killer

    child = os.fork()
    if child == 0:
        try:
            killer = Killer(at)
            killer.install()
            killer.before(type(made.encoder.trainer), "encode")
            made.run(single())
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1
