"""The flat state of a trainer: what it counts, and what it refuses."""

from pathlib import Path

from gcl_spec.run.state import trained_size
from trained import trained_run


def test_frozen_weights_are_not_counted_as_trained(tmp_path: Path) -> None:
    trainer = trained_run(tmp_path / "run", "model.lora=2", "model.freeze=image")
    state = trainer.state()
    lora = sum(x.size for n, x in state.items() if n.startswith("params/") and ".lora_" in n)
    assert trained_size(state) == lora + 1  # the temperature
    assert not any("vision_model" in name for name in state if ".lora_" in name)
