"""Exported graphs encode batches as the run's own model does, fused rows among them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gcl_spec.batch import Batch
from gcl_spec.export.onnx import export_onnx
from gcl_spec.export.onnx_model import OnnxModel, inputs_of
from trained import batch, trained_heads, vectors

from .conftest import Made

HAS = {
    "image": np.asarray([1, 1, 1, 0, 0, 1], bool),
    "text": np.asarray([1, 0, 1, 1, 1, 1], bool),
}


def test_rows_of_all_modalities_where_some_are_missing(made: Made) -> None:
    run = made.plain()
    model = OnnxModel(made.out, run.config.model)
    some = Batch(batch().inputs, HAS, np.arange(6))
    wanted, found = run.trainer.encode(some), model.encode(some)
    assert [*found] == [*wanted] == ["image", "text", "image+text"]
    for name, want in wanted.items():
        np.testing.assert_allclose(found[name], want, atol=1e-5)
        assert found[name].dtype == np.float32
    assert not found["image+text"][[1, 3, 4]].any()
    norms = model.rows("image", some)[1]
    assert norms.shape == (6, 1)
    assert norms.std() > 1e-3, "by norms of 1 no test would notice the fusion"


def test_a_modality_that_no_sample_has_is_zero(made: Made) -> None:
    run = made.plain()
    texts = Batch(inputs_of(batch(), "text"), {"text": np.ones(6, bool)}, np.arange(6))
    found = OnnxModel(made.out, run.config.model).encode(texts)
    assert not found["image"].any()
    assert not found["image+text"].any()
    np.testing.assert_allclose(found["text"], run.trainer.encode(texts)["text"], atol=1e-5)


def test_learned_weights_of_parts_are_in_a_file_beside_the_graphs(tmp_path: Path) -> None:
    some, trainer = vectors(), trained_heads(tmp_path / "run", "model.fuse=learned")
    export_onnx(tmp_path / "run", tmp_path / "out", allow_unverified=True)
    model = trainer._config.model
    wanted = trainer.encode(some)["image+text"]
    found = OnnxModel(tmp_path / "out", model).encode(some)["image+text"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    equal = OnnxModel(tmp_path / "out", replace(model, fuse="unit")).encode(some)
    assert np.max(np.abs(equal["image+text"] - wanted)) > 1e-3


def test_the_means_of_centred_rows_are_in_a_file_beside_the_graphs(tmp_path: Path) -> None:
    some, trainer = vectors(), trained_heads(tmp_path / "run", "model.fuse=centred")
    found = export_onnx(tmp_path / "run", tmp_path / "out", allow_unverified=True)
    assert max(parity.largest_difference for parity in found.parities) < 1e-4
    model = trainer._config.model
    wanted = trainer.encode(some)
    rows = OnnxModel(tmp_path / "out", model).encode(some)
    for name, want in wanted.items():
        np.testing.assert_allclose(rows[name], want, atol=1e-4)
    plain = OnnxModel(tmp_path / "out", replace(model, fuse="unit")).encode(some)
    assert np.max(np.abs(plain["image"] - wanted["image"])) > 1e-2, "the graphs' are not centred"
