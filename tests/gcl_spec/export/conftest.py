"""One export of a small CLIP, as graphs in float32 and with matrices of 8 bits."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from gcl_spec.export.onnx import Exported, export_onnx
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.searches import searches_of
from gcl_torch.train.trainer import TorchTrainer
from tiles_on_disk import write_data
from tinyclips import write_shallow
from trained import trained_run


class Made(NamedTuple):
    run: Path
    out: Path
    data: Path
    exported: Exported

    def plain(self) -> LoadedRun:
        """The run in float32, as its graphs compute; it was trained in bfloat16."""
        folder = RunFolder.open(self.run)
        config, found = folder.config(), folder.found()
        assert config.train.precision == "bfloat16"
        config = replace(config, train=replace(config.train, precision="float32"))
        trainer = TorchTrainer(config, device="cpu", state=found.state)
        return LoadedRun(config, found.step, trainer)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("exported")
    run, out, data = folder / "run", folder / "out", write_data(folder / "tiles")
    model = f"model.path={write_shallow(folder / 'model')}"  # half the time of two layers
    trained_run(run, model, "model.lora=2", "optim.ema=0.5", "train.precision=bfloat16")
    searches = searches_of(RunFolder.open(run).config().model, data)
    return Made(run, out, data, export_onnx(run, out, int8=searches))
