"""Shards of two workers of Ray are those of one process, to the byte."""

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch

from called import call
from embedding import files
from gcl_cli.embed import command
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError, DataError, TrainingError
from gcl_spec.run import ray_engine
from gcl_spec.run.ray_workers import Job
from gcl_spec.run.to_embed import Described
from tiles_on_disk import write_data
from trained import trained_run

THREADS = 1


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    """Ray on this machine, for itself alone, started once for all tests of this file."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # JAX may have been imported
        patch.setenv("OMP_NUM_THREADS", str(THREADS))
        ray_engine.start_here(ray_engine.imported(), workers=2)
        yield
        ray.shutdown()
    torch.set_num_threads(before)


def embed(run: Path, data: Path, out: Path, *more: object) -> str:
    options = ("--device", "cpu", "--allow-unverified", "--shard", 5, "--set", "eval.batch_size=2")
    return call(command, run, data, out, *options, *more).output


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # Ray's processes use no JAX
@pytest.mark.usefixtures("two_workers")
def test_two_workers_write_what_one_process_writes(tmp_path: Path) -> None:
    run, data = tmp_path / "run", write_data(tmp_path / "data")
    trained_run(run)
    (data / "3.png").unlink()
    embed(run, data, tmp_path / "one")
    whole = files(tmp_path / "one")
    assert "1 of 16 items have no row" in embed(run, data, tmp_path / "two", "--engine", "ray")
    assert files(tmp_path / "two") == whole


def test_without_ray_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'gcl-spec\[ray\]'"):
        ray_engine.imported()


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Ray cannot be reached at 127\.0\.0\.1:1: .*refused"):
        ray_engine.start_at(ray, "127.0.0.1:1")


def test_a_process_that_ends_again_and_again_is_said_in_one_line() -> None:
    with (
        pytest.raises(TrainingError, match="whole shards stay") as caught,
        ray_engine.ray_errors(ray),
    ):
        raise ray.exceptions.ActorDiedError
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_in_a_process_is_said_as_it_is() -> None:
    trace = "Traceback:\n  File x\ngcl_spec.errors.CheckpointError: run: no run folder\n"
    with pytest.raises(DataError, match=r"^run: no run folder$"), ray_engine.ray_errors(ray):
        raise ray.exceptions.RayTaskError("encode", trace, ValueError())


def piece(number: int, start: int, pieces: int) -> dict[str, Any]:
    head = {"number": number, "start": start, "pieces": pieces, "count": 1, "shape": [1, 2]}
    content = np.full(2, start, np.float32).tobytes()
    return {"head": json.dumps({**head, "absent": {}, "hashes": {}}), "content": content}


@pytest.mark.parametrize("came", [[], [(0, 0, 1)], [(0, 0, 1), (1, 0, 2)]])
def test_pieces_that_do_not_come_are_no_shard(came: list[tuple[int, int, int]]) -> None:
    with pytest.raises(TrainingError, match=r"lost pieces of shards, such as of [01];"):
        list(ray_engine.assembled([piece(*one) for one in came], [0, 1], lambda count: None))


def test_pieces_that_come_again_are_the_same() -> None:
    """A process that ends does its work again, whose first part may have come."""
    counts: list[int] = []
    came = [(1, 0, 2), (1, 0, 2), (1, 1, 2), (1, 1, 2), (0, 0, 1), (1, 0, 2)]
    found = list(ray_engine.assembled([piece(*one) for one in came], [0, 1], counts.append))
    assert [one.number for one in found] == [1, 0]
    np.testing.assert_array_equal(found[0].rows_RD, [[0, 0], [1, 1]])
    assert counts == [1, 2, 3]


def test_vectors_are_embedded_without_it() -> None:
    config = Config(model=ModelConfig(kind="adapter"))
    job = Job(
        Path("run"), Described("data"), config, (), "newest", True, "torch", None, 5, "float32"
    )
    with pytest.raises(ConfigError, match="leave it out"):
        ray_engine.RayEngine(job)


def test_its_options_are_for_ray_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--workers and --address are for --engine ray"):
        call(command, tmp_path, "starter", tmp_path / "rows", "--workers", 3)
