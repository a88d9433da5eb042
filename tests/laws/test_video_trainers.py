"""Models of videos are one on both backends, and runs of them go on to the bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.batch import Batch
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from gcl_torch.train.trainer import TorchTrainer
from video_files import FRAMES, small, write_samples

SIZE = 6
BACKENDS = {"torch": (TorchTrainer, "cpu"), "jax": (JaxTrainer, "cpu:0")}


def batch(seed: int) -> Batch:
    """Pixels of frames, and texts; the third sample has no video."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 250, (SIZE, 9))
    ids[:, 0], ids[:, -1] = 512, 513
    inputs = {
        "video/pixel_values": rng.normal(size=(SIZE, FRAMES, 3, 32, 32)).astype(np.float32),
        "text/input_ids": ids,
        "text/attention_mask": np.ones_like(ids),
    }
    present = {"video": np.arange(SIZE) != 2, "text": np.ones(SIZE, bool)}
    return Batch(inputs, present, np.arange(SIZE))


def trainer(backend: str, folder: Path, *sets: str, state: Any = None) -> Any:
    kind, device = BACKENDS[backend]
    return kind(small(folder / "data", "model.pool=attention", *sets), device=device, state=state)


def test_a_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    """That of JAX does so with frozen towers, in `test_video_lite`, which compiles in less time."""
    one = trainer("torch", tmp_path)
    start = one.state()
    one.step(batch(0), lr=1e-2)
    middle = one.state()
    one.step(batch(1), lr=1e-2)
    rest = trainer("torch", tmp_path, state=middle)
    rest.step(batch(1), lr=1e-2)
    end = one.state()
    for key, x in rest.state().items():
        np.testing.assert_array_equal(x, end[key], err_msg=key)
    for name in ("frame_query", "clip.visual_projection.weight", "clip.text_projection.weight"):
        assert np.abs(middle[f"params/{name}"] - start[f"params/{name}"]).max() > 1e-3, name


def test_a_state_of_one_encodes_alike_on_the_other(tmp_path: Path) -> None:
    one = trainer("torch", tmp_path)
    one.step(batch(0), lr=1e-2)
    other = trainer("jax", tmp_path, state=one.state())
    same_rows = other.encode(batch(2))
    for name, want in one.encode(batch(2)).items():
        np.testing.assert_allclose(same_rows[name], want, atol=1e-5)
        assert not want[~batch(2).has(name)].any()


def test_a_video_is_the_mean_of_its_frames_rows_before_they_are_normalised(tmp_path: Path) -> None:
    config = small(tmp_path / "data", modalities=("image", "text", "video"))
    one, here = TorchTrainer(config, device="cpu"), batch(0)
    pixels = here.inputs["video/pixel_values"]
    import torch

    with torch.no_grad():
        flat = torch.from_numpy(pixels.reshape(-1, *pixels.shape[2:]))
        rows = one._model.clip.image(flat).numpy().reshape(SIZE, FRAMES, -1).mean(axis=1)
    wanted = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = one.encode(here)["video"]
    np.testing.assert_allclose(found[[0, 1, 3]], wanted[[0, 1, 3]], atol=1e-6)


def test_no_video_is_decoded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gcl_spec.data.prepare import video_frames

    decoded = []
    read = video_frames.read_frames
    monkeypatch.setattr(
        video_frames, "read_frames", lambda *args: (decoded.append(args[2]), read(*args))[1]
    )
    config = small(write_samples(tmp_path / "data"))
    one = TorchTrainer(config, device="cpu")
    for _ in range(2):  # a run that goes on, too
        with TrainingData(config, one, Quiet(), only_steps=2) as data:
            for step in range(2):
                values = one.step(data.batch(step), lr=1e-3)
                assert np.isfinite(float(values["loss"]))
    assert len(decoded) == len(set(decoded)) == 6
