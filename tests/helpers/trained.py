"""A run folder of a few steps, made by PyTorch's trainer without a command line."""

from pathlib import Path

import numpy as np

from gcl_spec.batch import Batch
from gcl_spec.config import toml
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_torch.train.trainer import TorchTrainer

SIZE = 6
VECTORS = {"image": 12, "text": 8}


def batch() -> Batch:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 250, (SIZE, 9))
    ids[:, 0], ids[:, -1] = 512, 513
    inputs = {
        "image/pixel_values": rng.normal(size=(SIZE, 3, 32, 32)).astype(np.float32),
        "text/input_ids": ids,
        "text/attention_mask": np.ones_like(ids),
    }
    here = np.ones(SIZE, bool)
    return Batch(inputs, {"image": here, "text": here}, np.arange(SIZE))


def trained_run(path: Path, *sets: str) -> TorchTrainer:
    """A run folder of a few steps, without the evaluation that `gcl train` makes."""
    overrides = [f"data.cache={path.parent / 'cache'}", f"train.batch_size={SIZE}", *sets]
    return _trained(path, "tiny", overrides, batch(), lr=1e-2)


def vectors() -> Batch:
    """A batch for `trained_heads`."""
    rng, here = np.random.default_rng(0), np.ones(SIZE, bool)
    inputs = {
        f"{name}/features": rng.normal(size=(SIZE, width)).astype(np.float32)
        for name, width in VECTORS.items()
    }
    return Batch(inputs, dict.fromkeys(VECTORS, here), np.arange(SIZE))


def trained_heads(path: Path, *sets: str) -> TorchTrainer:
    """The same of heads on vectors alone, whose graphs are soon made."""
    sizes = [f"model.{name}_vector={width}" for name, width in VECTORS.items()]
    overrides = [*sizes, "model.width=16", "model.hidden=16", *sets]
    return _trained(path, "adapter", overrides, vectors(), lr=3e-2)


def _trained(
    path: Path, recipe: str, overrides: list[str], data: Batch, *, lr: float
) -> TorchTrainer:
    config = toml.load(recipe=recipe, overrides=overrides)
    trainer = TorchTrainer(config, device="cpu")
    for _ in range(3):
        trainer.step(data, lr=lr)
    path.mkdir()
    RunFolder(path).write("config.toml", toml.dumps(config))
    checkpoint.save(path / "checkpoints", trainer.state(), keep=1)
    return trainer


def run_of_three_steps(path: Path) -> Path:
    """Steps 1 to 3 are kept, of which the second had the best figure."""
    state = trained_run(path).state()
    for step in (1, 2):
        changed = {n: x * step if n.startswith("params/clip.") else x for n, x in state.items()}
        changed["step"] = np.asarray(step)
        checkpoint.save(path / "checkpoints", changed, keep=9)
    figures = [(1, 0.1), (2, 0.5), (3, 0.5)]
    lines = [f'{{"step": {step}, "val_hit@10": {x}}}\n' for step, x in figures]
    RunFolder(path).write("metrics.jsonl", "".join(lines))
    return path
