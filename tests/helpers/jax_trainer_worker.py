"""A training run on a mesh: devices of this process, or of several; run by `test_jax_trainer`.

Arguments: devices of this process, rank, processes, port of the first, `--set` values. Prints JSON.
"""

import json
import os
import sys

import jax
import numpy as np

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.batch import Batch
from gcl_spec.config.toml import loads

SIZE, STEPS = 12, 3


def whole_batch(step: int) -> Batch:
    rng = np.random.default_rng(step)
    inputs = {
        "image/features": rng.normal(size=(SIZE, 1280)).astype(np.float32),
        "text/features": rng.normal(size=(SIZE, 384)).astype(np.float32),
    }
    ids = np.minimum(np.arange(SIZE), SIZE - 3)
    return Batch(inputs, {"image": np.arange(SIZE) != 5, "text": np.arange(SIZE) != 2}, ids)


def part(batch: Batch, rows: slice) -> Batch:
    inputs = {name: x[rows] for name, x in batch.inputs.items()}
    return Batch(inputs, {n: x[rows] for n, x in batch.present.items()}, batch.ids[rows])


def main(devices: int, rank: int, size: int, port: str, *sets: str) -> None:
    jax.config.update("jax_num_cpu_devices", devices)
    if size > 1:
        os.environ |= {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": str(size),
            "JAX_PROCESS_ID": str(rank),
        }
    small = ["model.width=16", "model.hidden=32", f"train.batch_size={SIZE}"]
    config = loads("", [*small, f"train.devices={devices}", *sets])
    trainer = JaxTrainer(config, device="cpu:0")
    assert (trainer.world.rank, trainer.world.size) == (rank, size)
    share = SIZE // size
    rows = slice(rank * share, (rank + 1) * share)
    values = []
    for step in range(STEPS):
        found = trainer.step(part(whole_batch(step), rows), lr=1e-3)
        values.append({name: float(x) for name, x in found.items()})
    trainer.world.barrier()
    state = {n: x.astype(float).ravel().tolist() for n, x in trainer.state().items() if "3." in n}
    encoded = [z.astype(float).ravel().tolist() for z in trainer.encode(whole_batch(0)).values()]
    print(json.dumps({"values": values, "state": state, "encoded": encoded}))


if __name__ == "__main__":
    main(*(int(x) for x in sys.argv[1:4]), *sys.argv[4:])
