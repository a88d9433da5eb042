"""The row of a video is the mean of its frames', or weighted by one learned query."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from array_api_compat import torch as torch_namespace

from gcl_spec.config.options import ModelConfig
from gcl_spec.errors import DataError
from gcl_spec.export.transformers import export_run
from gcl_spec.models.frames import framed, pooled_frames, seen, start_query, write_query
from gcl_torch.train.trainer import TorchTrainer
from trained import trained_run
from video_files import small

ROWS = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)


def test_the_mean_is_that_of_rows_as_they_come() -> None:
    long = np.asarray([[[3.0, 0.0], [0.0, 1.0]]])
    np.testing.assert_array_equal(pooled_frames(long, None, xp=np), [[1.5, 0.5]])


def test_attention_begins_as_the_mean_and_then_weights_by_a_softmax() -> None:
    start = pooled_frames(ROWS, np.zeros(8, np.float32), xp=np)
    np.testing.assert_allclose(start, ROWS.mean(axis=1), atol=1e-6)
    query = np.linspace(-4, 4, 8).astype(np.float32)
    logits = np.einsum("bfd,d->bf", ROWS, query) / np.sqrt(8)
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = np.einsum("bf,bfd->bd", weights, ROWS)
    assert np.abs(wanted - ROWS.mean(axis=1)).max() > 0.1
    for found in (
        pooled_frames(ROWS, query, xp=np),
        pooled_frames(torch.tensor(ROWS), torch.tensor(query), xp=torch_namespace).numpy(),
        pooled_frames(jnp.asarray(ROWS), jnp.asarray(query), xp=jnp),
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_large_projections_do_not_overflow() -> None:
    found = pooled_frames(ROWS * np.float32(1e3), np.full(8, 1e3, np.float32), xp=np)
    assert np.isfinite(found).all()
    best = ROWS.sum(axis=2).argmax(axis=1)
    np.testing.assert_allclose(found, 1e3 * ROWS[np.arange(3), best], rtol=1e-5)


def test_which_modalities_a_model_takes() -> None:
    assert seen(ModelConfig()) == ("image", "text")
    model = ModelConfig(modalities=("video", "text", "video+text"))
    assert seen(model) == ("image", "text", "video")
    assert framed(model) == ("video",)


def test_a_query_lies_beside_the_weights_of_a_checkpoint(tmp_path: Path) -> None:
    np.testing.assert_array_equal(start_query(tmp_path, 4), np.zeros(4))
    query = np.arange(4, dtype=np.float32)
    write_query(tmp_path, query)
    np.testing.assert_array_equal(start_query(tmp_path, 4), query)
    with pytest.raises(DataError, match=r"wanted one array 'frame_query' of shape \(5,\)"):
        start_query(tmp_path, 5)
    (tmp_path / "frame_query.safetensors").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"frame_query\.safetensors"):
        start_query(tmp_path, 4)


def test_an_exported_run_is_one_to_start_from(tmp_path: Path) -> None:
    sets = ['model.modalities=["image", "text", "video"]', "model.pool=attention"]
    trained = trained_run(tmp_path / "run", *sets).state()
    export_run(tmp_path / "run", tmp_path / "out")
    config = small(tmp_path / "data", f"model.path={tmp_path / 'out'}", "model.pool=attention")
    fresh = TorchTrainer(config, device="cpu").state()
    for name in ("params/frame_query", "params/clip.visual_projection.weight"):
        np.testing.assert_array_equal(fresh[name], trained[name])
