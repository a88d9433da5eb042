"""What the processes of Ray do, one after the other in this process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding import files
from gcl_spec import registry
from gcl_spec.config.options import Config
from gcl_spec.embed.encode_entries import EntryEncoder
from gcl_spec.embed.work import Encoded, Work
from gcl_spec.run.loaded import read_run
from gcl_spec.run.ray_engine import assembled
from gcl_spec.run.ray_workers import Encodes, Job, Reads
from gcl_spec.run.to_embed import Described, data_of, local_config, maker_of
from gcl_spec.train.world import single
from tiles_on_disk import write_data
from trained import trained_run

SIZE = 5


class InTurn:
    """An engine that reads and encodes in this process."""

    def __init__(self, job: Job) -> None:
        self.job, self.numbers = job, list[int]()

    def shards(self, numbers: Sequence[int], told: Callable[[int], None]) -> Iterator[Encoded]:
        self.numbers += numbers
        read, encode = Reads(self.job), Encodes(self.job)
        pieces = [encode(piece) for piece in read({"item": np.asarray(numbers)})]
        rows = ({name: x[0] for name, x in piece.items()} for piece in pieces[::-1])
        return assembled(rows, numbers, told)


@pytest.fixture(params=["tasks", "train"])
def made(tmp_path: Path, request: pytest.FixtureRequest) -> Work:
    run, data = tmp_path / "run", write_data(tmp_path / "data")
    trained_run(run, "eval.batch_size=2")
    (data / "3.png").unlink()
    (data / "5.png").write_bytes(b"no picture")
    config, found = read_run(run, (), step="newest", allow_unverified=True)
    described = Described(str(data), items=request.param)
    read = data_of(config, described)
    maker = maker_of(config, found.state, "run", backend="torch", dtype="float32", size=SIZE)
    job = Job(run, described, config, (), "newest", True, "torch", "cpu", SIZE, "float32")
    about = read.described.to_json()
    encoder = _encoder(config, found.state, read.collate)
    return Work(read.listing, encoder, read.contents, maker, tmp_path / "one", about, InTurn(job))


def _encoder(config: Config, state: object, collate: object) -> EntryEncoder:
    trainer = registry.load_training("torch").trainer(
        local_config(config),
        device="cpu",
        state=state,  # type: ignore[arg-type]
    )
    return EntryEncoder(trainer, collate, config.model.modalities, 2)  # type: ignore[arg-type]


def test_pieces_make_the_shards_of_one_process_and_only_those_that_are_missing(made: Work) -> None:
    assert isinstance(made.engine, InTurn)
    replace(made, engine=None).run(single())
    whole = files(made.folder)
    assert whole["absent.jsonl"].count(b"\n") == 2
    other = replace(made, folder=made.folder.parent / "two")
    other.run(single())
    assert files(other.folder) == whole
    every = [*range(-(-len(made.listing) // SIZE))]
    assert made.engine.numbers == every
    (other.folder / "rows-000002.jsonl").unlink()  # as after a kill
    other.run(single())
    assert files(other.folder) == whole
    assert made.engine.numbers == [*every, 2]
