"""Videos by frozen towers: the outputs for all frames are computed once, and heads are trained."""

from pathlib import Path

import numpy as np
import pytest

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.config.toml import load
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.data.root import FolderRoot
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from gcl_torch.train.trainer import TorchTrainer
from video_files import write_samples

FRAMES = 3


def test_heads_learn_from_frames_alike_on_both_backends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_samples(tmp_path / "data")
    (folder / "videos" / "5.mp4").write_bytes(b"broken")
    options = [
        'model.modalities=["video", "text", "video+text"]', f"model.frames={FRAMES}",
        "model.pool=attention", "model.width=8", "model.hidden=16", "model.image_size=32",
        f"data.path={folder}", f"data.cache={tmp_path / 'cache'}", "train.batch_size=6",
        "data.max_bad=0.5", "model.dropout=0.0",
    ]  # fmt: skip
    config = load(recipe="lite", overrides=options)
    one = TorchTrainer(config, device="cpu")
    with TrainingData(config, one, Quiet(), only_steps=1) as data:
        batch = data.batch(0)
    rows = batch.inputs["video/features"]
    assert rows.shape == (6, FRAMES, 1280)
    assert batch.present["video"].sum() == batch.present["text"].sum() == 5
    collate = Collator(config, FolderRoot(folder))
    first = one.features(collate({"video": ["videos/0.mp4"]}))["video"][0]
    assert any(np.allclose(row, first, atol=1e-4) for row in rows)
    monkeypatch.setattr(one, "features", lambda *_: pytest.fail("computed twice"))
    with TrainingData(config, one, Quiet(), only_steps=1) as data:
        np.testing.assert_array_equal(data.batch(0).inputs["video/features"], rows)
    other = JaxTrainer(config, device="cpu:0", state=one.state())
    losses = [float(x.step(batch, lr=1e-2)["loss"]) for x in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    states = [x.state()["params/frame_query"] for x in (one, other)]
    assert np.abs(states[0]).max() > 1e-3
    np.testing.assert_allclose(*states, atol=1e-5)
    middle = other.state()
    other.step(batch, lr=1e-2)
    rest = JaxTrainer(config, device="cpu:0", state=middle)
    rest.step(batch, lr=1e-2)
    end = other.state()
    for name, x in rest.state().items():
        np.testing.assert_array_equal(x, end[name], err_msg=name)
    monkeypatch.setattr(
        other, "_run_frozen", lambda name, own: own["image/pixels"].mean(axis=(1, 2))
    )
    raw = collate({"video": ["videos/1.mp4", "videos/2.mp4"]})
    found = other._inputs(raw)["video/features"]
    np.testing.assert_allclose(found, raw.inputs["video/pixels"].mean(axis=(2, 3)), rtol=1e-6)
