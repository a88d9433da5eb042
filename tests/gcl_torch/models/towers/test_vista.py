"""VISTA in torch: the numbers of `Visualized_BGE`, FlagEmbedding's own class."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

import vista_cases
from gcl_spec.errors import DataError
from gcl_torch.models.towers.vista import Vista


def tensors(kind: str) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(x) for name, x in vista_cases.arrays(kind, "inputs").items()}


def made(cache: Path, kind: str, *, half: bool = False) -> Vista:
    files = vista_cases.files(cache, kind)
    model = Vista(files.settings, files.marks)
    weights = vista_cases.weights(files)
    model.load(vista_cases.halved(weights) if half else weights)
    return model


def rows(model: Vista, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    tokens = model.image_tokens(x["pixels"])
    ids, mask = x["input_ids"], x["attention_mask"]
    found = {
        "image_raw": model.image(tokens),
        "text_raw": model.text(ids, mask),
        "joint_raw": model.joint(tokens[x["image_of"]], ids, mask),
    }
    return found | {name[:-4]: normalize(z, dim=1) for name, z in found.items()}


def numbers(found: dict[str, torch.Tensor]) -> vista_cases.Arrays:
    return {name: z.detach().numpy() for name, z in found.items()}


@pytest.mark.parametrize("kind", ["base", "m3"])
def test_outputs_and_gradients_are_those_of_its_own_code(kind: str, tmp_path: Path) -> None:
    model, x = made(tmp_path, kind), tensors(kind)
    found = rows(model, x)
    vista_cases.close(numbers(found), kind)
    sum(found[name].sum() for name in ("image", "text", "joint")).backward()  # type: ignore[union-attr, no-untyped-call]
    grads = {n: p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None}
    assert grads.keys() == dict(model.named_parameters()).keys()
    vista_cases.close_grads(grads, kind)
    with torch.no_grad():
        tokens = model.model_visual.visual(x["pixels"])
        limit = x["limit_ids"][None]
        last = model.joint(model.image_tokens(x["pixels"][:1]), limit, torch.ones_like(limit))
    vista_cases.close({"eva_tokens": tokens.numpy()}, kind)
    vista_cases.close({"joint_limit": normalize(last).numpy()}, kind)
    longer = torch.cat([limit, limit[:, -1:]], dim=1)
    with pytest.raises(DataError, match=r"beside a picture; this model has room for \d+"):
        model.joint(model.image_tokens(x["pixels"][:1]), longer, torch.ones_like(longer))
    many = torch.ones(1, model.settings.most_tokens + 1, dtype=torch.long)
    with pytest.raises(DataError, match="this model has positions for"):
        model.text(many, many)


@pytest.mark.parametrize("kind", ["base", "m3"])
def test_a_sample_alone_and_weights_of_half_precision(kind: str, tmp_path: Path) -> None:
    x = tensors(kind)
    model = made(tmp_path, kind)
    with torch.no_grad():
        tokens = model.image_tokens(x["pixels"])
        texts, joint = [], []
        for ids, mask, image in zip(
            x["input_ids"], x["attention_mask"], x["image_of"], strict=True
        ):
            own = ids[mask > 0][None]
            texts.append(model.text(own, torch.ones_like(own)))
            joint.append(model.joint(tokens[image][None], own, torch.ones_like(own)))
        alone = {"text_single": torch.cat(texts), "joint_single": torch.cat(joint)}
        vista_cases.close(numbers({n: normalize(z) for n, z in alone.items()}), kind)
        half = numbers(rows(made(tmp_path, kind, half=True), x))
    vista_cases.close({name: half[name] for name in ("image", "text", "joint")}, kind, "half_")


@torch.no_grad()
def test_patches_that_are_left_out(tmp_path: Path) -> None:
    model, x = made(tmp_path, "base"), tensors("base")
    keep = torch.from_numpy(vista_cases.arrays("base", "outputs")["keep"])
    model.checkpointing()  # it changes no number
    with torch.enable_grad():
        tokens = model.image_tokens(x["pixels"][x["image_of"]], keep)
        found = normalize(model.joint(tokens, x["input_ids"], x["attention_mask"]))
    vista_cases.close({"joint_train_patch_dropout": found.detach().numpy()}, "base")
