"""VISTA base at its full size with random weights: PyTorch against JAX, rows and one training step.

python benchmarks/vista_full.py --samples 4
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from gcl_spec import registry
from gcl_spec.batch import Batch
from gcl_spec.config.toml import load
from gcl_spec.models.vista_layout import BASE, is_table

BACKENDS = ("torch", "jax")
TOKENS = 32


def write_model(folder: Path) -> None:
    """Weights of the size of those that train: 1 for norms, small normal numbers else."""
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in BASE.shapes().items():
        if is_table(name):
            continue
        norm = len(shape) == 1 and name.endswith("weight")
        x = rng.normal(0, 0.04 if len(shape) > 1 else 0.02, shape).astype(np.float32)
        weights[name] = x + 1 if norm else x
    save_file(weights, folder / "model.safetensors")
    known = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    words = [known.get(n, f"[unused{n}]") for n in range(BASE.vocabulary)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def batch_of(samples: int) -> Batch:
    rng = np.random.default_rng(1)
    ids = rng.integers(1000, BASE.vocabulary, (samples, TOKENS))
    ids[:, 0], ids[:, -1] = 101, 102
    size = BASE.image_size
    inputs = {
        "image/pixel_values": rng.normal(size=(samples, 3, size, size)).astype(np.float32),
        "text/input_ids": ids,
        "text/attention_mask": np.ones_like(ids),
    }
    here = {name: np.ones(samples, bool) for name in ("image", "text")}
    return Batch(inputs, here, np.arange(samples))


def run(backend: str, folder: Path, samples: int) -> dict[str, Any]:
    """What one backend takes and gives; its rows and step go to a file in `folder`."""
    options = [f"model.path={folder}", f"train.batch_size={samples}", "eval.batch_size=4"]
    config = load(recipe="vista", overrides=[*options, "train.checkpointing=true"])
    batch, seconds = batch_of(samples), {}
    begun = time.perf_counter()
    trainer = registry.load_training(backend).trainer(config, device=DEVICES[backend])
    seconds["load"] = time.perf_counter() - begun
    for name in ("first rows", "rows"):
        begun = time.perf_counter()
        rows = trainer.encode(batch)
        seconds[name] = time.perf_counter() - begun
    losses = []
    for name in ("first step", "step"):
        begun = time.perf_counter()
        figures = trainer.step(batch, lr=1e-5)
        losses.append({key: float(x) for key, x in figures.items()})
        seconds[name] = time.perf_counter() - begun
    np.savez(folder / f"{backend}.npz", **{name: np.asarray(x) for name, x in rows.items()})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak": peak, "losses": losses}


DEVICES = {"torch": "cpu", "jax": "cpu:0"}


def show(folder: Path, runs: dict[str, dict[str, Any]]) -> None:
    names = list(runs["torch"]["seconds"])
    print("|  | " + " | ".join(f"{name}, s" for name in names) + " | peak memory |")
    print("|---" * (len(names) + 2) + "|")
    for backend, x in runs.items():
        times = " | ".join(f"{x['seconds'][name]:.1f}" for name in names)
        print(f"| {backend} | {times} | {x['peak']:.1f} GiB |")
    one, two = (np.load(folder / f"{backend}.npz") for backend in BACKENDS)
    for name in one.files:
        print(f"largest difference of unit rows, {name}: {np.abs(one[name] - two[name]).max():.1e}")
    for step in range(2):
        a, b = (runs[backend]["losses"][step] for backend in BACKENDS)
        for name in ("loss", "grad_norm"):
            print(f"step {step + 1}, {name}: {a[name]:.6f} and {b[name]:.6f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--backend", choices=BACKENDS)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.backend:
        print(json.dumps(run(given.backend, given.folder, given.samples)))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_model(folder)
        runs = {}
        for backend in BACKENDS:
            command = [sys.executable, __file__, "--backend", backend, "--folder", made]
            command += ["--samples", str(given.samples)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[backend] = json.loads(done.stdout.splitlines()[-1])
        show(folder, runs)


if __name__ == "__main__":
    main()
