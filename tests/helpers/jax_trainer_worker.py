"""A training run on a mesh: devices of this process, or of several; run by `test_jax_trainer`.

Arguments: devices of this process, rank, processes, port of the first, `--set` values. Prints JSON.
"""

import json
import os
import sys

import jax

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.config.toml import loads
from whole_batches import part, whole_batch

SIZE, STEPS = 12, 3


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
        found = trainer.step(part(whole_batch(step, SIZE), rows), lr=1e-3)
        values.append({name: float(x) for name, x in found.items()})
    trainer.world.barrier()
    state = {n: x.astype(float).ravel().tolist() for n, x in trainer.state().items() if "3." in n}
    encoded = [
        z.astype(float).ravel().tolist() for z in trainer.encode(whole_batch(0, SIZE)).values()
    ]
    print(json.dumps({"values": values, "state": state, "encoded": encoded}))


if __name__ == "__main__":
    main(*(int(x) for x in sys.argv[1:4]), *sys.argv[4:])
