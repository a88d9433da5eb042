"""The data of a training, opened by all of its processes: the towers run in the first alone."""

from pathlib import Path

import numpy as np

from gcl_spec.batch import Batch
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from gcl_spec.train.open_data import open_data
from gcl_spec.train.world import single
from pieces import Towers, equal, options, write
from thread_world import SIZE, Member, in_threads


class Counting(Towers):
    """Towers that count the batches they are asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def features(self, batch: Batch) -> dict[str, np.ndarray]:
        self.asked += 1
        return super().features(batch)


def test_only_the_first_process_runs_the_towers(tmp_path: Path) -> None:
    config = options(write(tmp_path / "data"), "model.freeze=both")
    towers = [Counting() for _ in range(SIZE)]

    def opened(member: Member) -> TrainingData:
        return open_data(config, towers[member.rank], member, Quiet(), only_steps=3)  # type: ignore[arg-type]

    first, second = in_threads(opened)
    assert towers[0].asked > 0
    assert towers[1].asked == 0
    whole = open_data(config, Towers(), single(), Quiet(), only_steps=3)  # type: ignore[arg-type]
    shares, batch = [first.batch(1), second.batch(1)], whole.batch(1)
    assert [len(share) for share in shares] == [4, 4]
    inputs = {n: np.concatenate([share.inputs[n] for share in shares]) for n in batch.inputs}
    present = {n: np.concatenate([share.present[n] for share in shares]) for n in batch.present}
    equal(Batch(inputs, present, batch.ids), batch)
    for data in (first, second, whole):
        data.close()


def test_a_failure_of_the_first_ends_all(tmp_path: Path) -> None:
    config = options(tmp_path / "nowhere")

    def opened(member: Member) -> TrainingData:
        return open_data(config, Towers(), member, Quiet())  # type: ignore[arg-type]

    found = in_threads(opened)
    assert all(isinstance(error, DataError | RuntimeError) for error in found), found
    assert "nowhere" in str(found[0])
