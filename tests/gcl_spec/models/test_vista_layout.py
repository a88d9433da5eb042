"""The layouts of VISTA checkpoints: those of the published sizes, and what differs from them."""

import json
from dataclasses import replace

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.vista_layout import BASE, M3, VistaSizes, check_keys, is_unused, sizes_of
from vista_cases import VISTA


@pytest.mark.parametrize(
    ("file", "sizes", "count"),
    [("keys_full_base.txt", BASE, 488), ("keys_full_m3.txt", M3, 956)],
)
def test_names_and_shapes_are_the_published(file: str, sizes: VistaSizes, count: int) -> None:
    lines = [line.split("\t") for line in (VISTA / file).read_text().splitlines()]
    shapes = {name: tuple(json.loads(shape)) for name, shape, _ in lines}
    assert len(shapes) == count
    assert sizes.shapes() == shapes
    assert sizes_of(shapes) == sizes
    check_keys(shapes, sizes, "file")


SMALL = replace(BASE, width=8, layers=1, hidden=12, vocabulary=20, positions=30, image_layers=2)


def test_what_may_be_missing() -> None:
    shapes = SMALL.shapes()
    few = {n: s for n, s in shapes.items() if not is_unused(n) and "rope" not in n}
    assert sizes_of(few) == SMALL
    check_keys(few | {"bge_embeddings.position_ids": (1, 30)}, SMALL, "file")
    assert sizes_of(few, head_width=32) == replace(SMALL, head_width=32)


def test_what_differs_is_named_with_its_shape() -> None:
    shapes = SMALL.shapes()
    del shapes["visual_proj.bias"]
    shapes["bge_embeddings.LayerNorm.weight"] = (9,)
    shapes |= {f"extra.{n}": (n,) for n in range(5)}
    with pytest.raises(DataError, match="not the weights of a VISTA") as caught:
        check_keys(shapes, sizes_of(shapes), "file")
    said = str(caught.value)
    assert "a VISTA of its own sizes (width 8, 1 layers, 2 of the image tower)" in said
    assert "1 missing: visual_proj.bias (8,);" in said
    assert "1 of another shape: bge_embeddings.LayerNorm.weight (9,), not (8,);" in said
    assert said.endswith("5 unknown: extra.0 (0,), extra.1 (1,), extra.2 (2,), ...")


@pytest.mark.parametrize(("known", "name"), [(BASE, "VISTA base"), (M3, "VISTA m3")])
def test_the_nearest_layout_is_named(known: VistaSizes, name: str) -> None:
    shapes = {n: s for n, s in known.shapes().items() if n != "visual_proj.weight"}
    with pytest.raises(DataError, match=rf"the nearest layout, {name}, differ 1 missing: visual"):
        check_keys(shapes, sizes_of(shapes), "file")
    with pytest.raises(DataError, match=r"455 missing: .*; 1 unknown: logit_scale \(\)$"):
        check_keys({"logit_scale": ()}, None, "file")


def test_a_far_layer_takes_no_memory() -> None:
    shapes = SMALL.shapes() | {"bge_encoder.layer.99999999.output.dense.bias": (8,)}
    with pytest.raises(DataError, match=r"unknown: bge_encoder\.layer\.99999999\."):
        check_keys(shapes, sizes_of(shapes), "file")


def test_patches_that_make_no_square() -> None:
    shapes = SMALL.shapes() | {"model_visual.visual.pos_embed": (1, 11, 768)}
    with pytest.raises(DataError, match=r"of another shape: .*pos_embed \(1, 11, 768\), not"):
        check_keys(shapes, sizes_of(shapes), "file")
