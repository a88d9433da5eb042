"""VISTA in JAX: the numbers of `Visualized_BGE`, FlagEmbedding's own class (README of goldens)."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vista_cases
from gcl_jax.models.functional import Functional, Params
from gcl_jax.models.towers.vista import Vista
from gcl_spec.errors import DataError


def unit(x: jax.Array) -> jax.Array:
    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


def whole(kind: str) -> dict[str, jax.Array]:
    found = vista_cases.arrays(kind, "inputs")
    if kind == "base":
        found["keep"] = vista_cases.arrays(kind, "outputs")["keep"]
    return {n: jnp.asarray(x, jnp.int32 if x.dtype == np.int64 else None) for n, x in found.items()}


def rows(model: Any, x: dict[str, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
    tokens = model.image_tokens(x["pixels"])
    ids, mask, limit = x["input_ids"], x["attention_mask"], x["limit_ids"][None]
    found = {
        "image_raw": model.image(tokens),
        "text_raw": model.text(ids, mask),
        "joint_raw": model.joint(tokens[x["image_of"]], ids, mask),
    }
    units = {name[:-4]: unit(z) for name, z in found.items()}
    total = sum((z.sum() for z in units.values()), jnp.zeros(()))
    units["joint_limit"] = unit(model.joint(tokens[:1], limit, jnp.ones_like(limit)))
    if "keep" in x:
        kept = model.image_tokens(x["pixels"][x["image_of"]], x["keep"])
        units["joint_train_patch_dropout"] = unit(model.joint(kept, ids, mask))
    return total, found | units


Values = tuple[Params, Params]
Made = tuple[Vista, Functional, Values, dict[str, jax.Array], vista_cases.Arrays]


def made(cache: Path, kind: str) -> Made:
    files = vista_cases.files(cache, kind)
    model = Vista(files.settings, files.marks)
    weights = vista_cases.weights(files)
    model.load(weights)
    function, *values = Functional.of(model)
    return model, function, tuple(values), whole(kind), weights


def close(found: dict[str, jax.Array], kind: str, beginning: str = "") -> None:
    vista_cases.close({name: np.asarray(z) for name, z in found.items()}, kind, beginning)


def test_outputs_and_gradients_are_those_of_its_own_code(tmp_path: Path) -> None:
    _, function, values, x, weights = made(tmp_path, "base")

    def total(params: Any, buffers: Any) -> Any:
        return function.call(params, buffers, lambda module: rows(module, x))

    run = jax.jit(jax.value_and_grad(total, has_aux=True))
    (_, found), grads = run(*values)
    close(found, "base")
    vista_cases.close_grads({name: np.asarray(g) for name, g in grads.items()}, "base")
    half = vista_cases.halved(weights)
    (_, found), _ = run(*({n: half[n] for n in part} for part in values))
    close({name: found[name] for name in ("image", "text", "joint")}, "base", "half_")


def test_the_larger_kind(tmp_path: Path) -> None:
    _, function, (params, buffers), x, _ = made(tmp_path, "m3")

    def call(params: Any, buffers: Any) -> Any:
        return function.call(params, buffers, lambda module: rows(module, x)[1])

    close(jax.jit(call)(params, buffers), "m3")

    # The row of padding, on which the first image token stands, is not trained.
    def of_places(params: Any) -> jax.Array:
        places = jnp.arange(4)
        rows = function.call(params, buffers, lambda module: module._places(places))
        return rows.sum()

    grads = jax.grad(of_places)(params)
    table = grads["bge_embeddings.position_embeddings.weight"]
    assert table.sum(axis=1)[:5].tolist() == [16, 0, 16, 16, 0]


def test_texts_without_room(tmp_path: Path) -> None:
    model, *_ = made(tmp_path, "base")
    settings = model.settings
    with pytest.raises(DataError, match="this model has positions for"):
        model.text(*[jnp.ones((1, settings.most_tokens + 1), jnp.int32)] * 2)
    many = jnp.ones((1, settings.most_beside_image + 1), jnp.int32)
    with pytest.raises(DataError, match="beside a picture; this model has room for"):
        model.joint(jnp.zeros((1, 9, 32)), many, many)
