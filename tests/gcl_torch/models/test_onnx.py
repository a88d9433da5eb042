"""What becomes the graph of a joint encoder: rows of a picture and a text, which it cuts itself.

`gcl export --onnx` holds every graph that it writes to the model's own rows.
"""

from pathlib import Path

import numpy as np
import torch

from gcl_spec.export.onnx_model import graph_names, inputs_of
from gcl_spec.run.weights import trained_weights
from gcl_torch.models.onnx import _Tower, _trained
from gcl_torch.train.trainer import TorchTrainer
from vista_cases import batch, config, shallow


def test_a_joint_encoder_is_one_graph(tmp_path: Path) -> None:
    made = config(tmp_path, shallow(tmp_path / "model"), "model.max_joint_tokens=11")
    trainer, names = TorchTrainer(made, device="cpu"), graph_names(made.model)
    assert names == ("image", "text", "image+text")
    model = _trained(made, trained_weights(trainer.state()))
    for name in names:
        given = inputs_of(batch(1), name)
        with torch.no_grad():
            rows, norm = _Tower(model, name, tuple(given))(*map(torch.from_numpy, given.values()))
        here = batch(1).has(name)
        want = trainer.encode(batch(1))[name]
        np.testing.assert_allclose(rows.numpy()[here], want[here], atol=1e-6)
        assert norm.shape == (6,)
