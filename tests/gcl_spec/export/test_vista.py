"""A VISTA run leaves as a folder under the published names, from which the same model is read."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import vista_cases
from gcl_spec.export.vista import write_vista
from gcl_spec.models.vista_files import vista_files
from gcl_torch.train.trainer import TorchTrainer

LEARNED = ("model.fuse=learned",)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    config = vista_cases.config(tmp_path, "train.batch_size=6", "optim.ema=0.5", *LEARNED)
    trainer = TorchTrainer(config, device="cpu")
    trainer.step(vista_cases.batch(0), lr=1e-3)
    out = tmp_path / "out"
    out.mkdir()
    write_vista(config, trainer.state(), out)
    again = vista_cases.config(tmp_path, f"model.path={out}", *LEARNED)
    assert vista_files(again).settings == vista_files(config).settings
    batch = vista_cases.batch(1)
    want, found = trainer.encode(batch), TorchTrainer(again, device="cpu").encode(batch)
    for name, rows in want.items():
        np.testing.assert_allclose(found[name], rows, atol=1e-6)
    written, start = load_file(out / "model.safetensors"), load_file(vista_files(config).weights)
    assert written.keys() == start.keys()
    changed = {name for name, x in written.items() if not np.array_equal(x, start[name])}
    assert "visual_proj.weight" in changed
    unused = ("bge_pooler.", "model_visual.visual.head.", "model_visual.visual.rope.")
    assert not any(name.startswith(unused) for name in changed)
    assert json.loads((out / "eva.json").read_text())["vision_cfg"]["head_width"] == 8
    assert (out / "bge" / "vocab.txt").read_text() == (
        vista_cases.VISTA / "bge" / "vocab.txt"
    ).read_text()
