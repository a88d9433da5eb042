"""The flat state of a trainer: what it counts, and what it refuses."""

from pathlib import Path

import numpy as np

from gcl_spec.run.state import trained_size
from gcl_torch.train.trainer import TorchTrainer
from trained import trained_run
from video_files import small


def test_frozen_weights_are_not_counted_as_trained(tmp_path: Path) -> None:
    trainer = trained_run(tmp_path / "run", "model.lora=2", "model.freeze=image")
    state = trainer.state()
    lora = sum(x.size for n, x in state.items() if n.startswith("params/") and ".lora_" in n)
    assert trained_size(state) == lora + 1  # the temperature
    assert not any("vision_model" in name for name in state if ".lora_" in name)


def test_a_run_of_videos_begins_from_weights_of_pictures(tmp_path: Path) -> None:
    pictures = trained_run(tmp_path / "run").state()
    weights = {n: x for n, x in pictures.items() if n.startswith("params/")} | {
        "step": pictures["step"]
    }
    config = small(tmp_path / "data", "model.pool=attention")
    found = TorchTrainer(config, device="cpu", state=weights).state()
    assert not found["params/frame_query"].any()
    name = "params/clip.visual_projection.weight"
    assert np.array_equal(found[name], pictures[name])
