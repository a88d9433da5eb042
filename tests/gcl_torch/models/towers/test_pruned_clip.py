"""TinyCLIP on both backends: the peer's rows and gradients, training, resume, options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from safetensors.numpy import load_file, save_file

from gcl_jax.models.functional import Functional
from gcl_jax.models.towers.clip import Clip
from gcl_spec.config.toml import load
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.export.transformers import export_run
from gcl_spec.models.open_clip_names import renamed
from gcl_spec.models.tinyclip.convert import converted, tinyclip_file
from gcl_spec.models.tinyclip.names import flat_weights
from gcl_torch.models.towers.clip import ClipTowers
from gcl_torch.train.trainer import TorchTrainer
from tinyclips import arrays, golden, write_auto
from trained import SIZE, batch, trained_run


def made(folder: Path, cache: Path) -> Path:
    file = tinyclip_file(folder)
    assert file is not None
    return converted(file, cache)


def inputs_of(kind: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    found = arrays(kind, "inputs")
    return found["pixels"].astype(np.float32), found["tokens"].astype(np.int64)


def held(kind: str, rows: dict[str, Any]) -> None:
    """Rows within 1e-5 of the peer's in float64."""
    wanted = arrays(kind, "outputs")
    for name, row in rows.items():
        assert np.abs(np.asarray(row) - wanted[f"{name}.f64"]).max() < 1e-5, name


def held_grads(kind: str, grads: Mapping[str, Any]) -> None:
    """Gradients within 1e-4 of those of the peer's that are recorded."""
    flat, _ = flat_weights(arrays(kind, "grads"), "golden")
    wanted = renamed(flat, "golden")
    assert len(wanted) == 4, "a projection in thirds, and another weight"
    for name, grad in wanted.items():
        assert np.abs(np.asarray(grads[name]) - grad).max() < 1e-4, name


def by_torch(kind: str, folder: Path) -> dict[str, Any]:
    """Gradients of all weights, where the rows are the peer's."""
    towers = ClipTowers.from_folder(folder)
    pixels, tokens = map(torch.from_numpy, inputs_of(kind))
    image, text = towers.image(pixels), towers.text(tokens, torch.ones_like(tokens))
    held(kind, {"image": image.detach(), "text": text.detach()})
    assert towers.checkpoint_log_scale == pytest.approx(3.1)
    assert towers.width == 12
    (image.sum() + text.sum()).backward()
    grads = {name: p.grad.numpy() for name, p in towers.named_parameters() if p.grad is not None}
    held_grads(kind, grads)
    return grads


def test_both_backends_give_the_peers_rows_and_gradients(tmp_path: Path) -> None:
    folder = made(golden("auto", tmp_path / "in"), tmp_path)
    torchs = by_torch("auto", folder)
    function, weights, buffers = Functional.of(Clip.from_folder(folder))
    pixels, tokens = map(jnp.asarray, inputs_of("auto"))

    def rows(params: dict[str, jax.Array]) -> Any:
        def run(clip: Clip) -> Any:
            found = clip.image(pixels), clip.text(tokens, jnp.ones_like(tokens))
            return found[0].sum() + found[1].sum(), found

        return function.call(params, buffers, run)

    (_, (image, text)), grads = jax.jit(jax.value_and_grad(rows, has_aux=True))(weights)
    held("auto", {"image": image, "text": text})
    held_grads("auto", grads)
    assert grads.keys() == torchs.keys()
    assert all(np.abs(grads[name] - x).max() < 1e-4 for name, x in torchs.items())


def test_a_model_pruned_by_hand_is_a_clip_of_transformers(tmp_path: Path) -> None:
    folder = made(golden("manual", tmp_path / "in"), tmp_path)
    by_torch("manual", folder)
    model = Clip.from_folder(folder)
    pixels, tokens = map(jnp.asarray, inputs_of("manual"))
    run = nnx.jit(lambda m: (m.image(pixels), m.text(tokens, jnp.ones_like(tokens))))
    held("manual", dict(zip(("image", "text"), run(model), strict=True)))


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    out = made(golden("auto", tmp_path / "in"), tmp_path)
    weights = load_file(out / "model.safetensors")
    name = "text_model.encoder.layers.1.mlp.fc2.weight"
    for change, said in (({name: np.ones((19, 35))}, r"\(19, 35\)"), ({name: None}, "fc2.weight")):
        changed = {n: x for n, x in (weights | change).items() if x is not None}
        save_file(changed, out / "model.safetensors", {"format": "pt"})
        for load_towers in (ClipTowers.from_folder, Clip.from_folder):
            with pytest.raises(DataError, match=said):
                load_towers(out)


def test_options_reach_a_pruned_model(tmp_path: Path) -> None:
    """Recomputing changes nothing; LoRA and freezing train what they should."""
    folder = write_auto(tmp_path / "in")
    sets = ["recipe", f"model.path={folder}", f"data.cache={tmp_path}", f"train.batch_size={SIZE}"]

    def trainer(*more: str) -> TorchTrainer:
        return TorchTrainer(load(recipe="tiny", overrides=[*sets[1:], *more]), device="cpu")

    plain, again = trainer(), trainer("train.checkpointing=true")
    first, second = (x.step(batch(), lr=1e-3) for x in (plain, again))
    assert torch.equal(first["loss"], second["loss"])
    assert torch.allclose(first["grad_norm"], second["grad_norm"], rtol=1e-6)
    frozen = trainer("model.freeze=text")
    before, _ = frozen.state(), frozen.step(batch(), lr=1e-2)
    changed = {
        n for n, x in frozen.state().items() if n in before and not np.array_equal(x, before[n])
    }
    weights = {name for name in changed if name.startswith("params/clip.")}
    assert weights
    assert all(".vision_model." in name or ".visual_" in name for name in weights)
    lora = trainer("model.lora=2")
    names = {name for name in lora.state() if ".lora_A" in name and name.startswith("params/")}
    assert len(names) == 2 * 4 + 4 * 2, "two blocks attend, four have MLPs"
    with pytest.raises(ConfigError, match="more than a matrix can have"):
        trainer("model.lora=9")


def test_a_run_goes_on_to_the_bit_and_leaves_as_a_folder_of_ours(tmp_path: Path) -> None:
    from gcl_jax.train.trainer import JaxTrainer

    folder = write_auto(tmp_path / "in")
    run = trained_run(tmp_path / "run", f"model.path={folder}")
    saved, options = run.state(), [f"data.cache={tmp_path / 'cache'}", f"train.batch_size={SIZE}"]
    config = load(recipe="tiny", overrides=[f"model.path={folder}", *options])
    resumed = TorchTrainer(config, device="cpu", state=saved)
    handed = JaxTrainer(config, device="cpu:0", state=saved).state()
    assert all(np.array_equal(x, handed[name]) for name, x in saved.items())
    states = []
    for trainer in (run, resumed):
        trainer.step(batch(), lr=1e-3)
        states.append(trainer.state())
    assert all(np.array_equal(x, states[1][name]) for name, x in states[0].items())
    out = export_run(tmp_path / "run", tmp_path / "out")
    assert not (out / "modules.json").exists(), "sentence-transformers has no such model"
    again = load(recipe="tiny", overrides=[f"model.path={out}", "optim.scale=0", *options])
    exported = TorchTrainer(again, device="cpu").state()
    assert all(
        np.allclose(x, saved[name], atol=1e-6)
        for name, x in exported.items() if name.startswith("params/")
    )  # fmt: skip
