"""What a TinyCLIP is made of comes out of its weights' shapes, and wrong ones are named."""

from dataclasses import dataclass

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.tinyclip.names import flat_name
from gcl_spec.models.tinyclip.shape import Shape, Tower, read_shape, wanted_shapes
from tinyclips import AUTO, GOLDENS

EVEN = AUTO._replace(image=Tower(16, (16, 16), (64, 64)), text=Tower(8, (8,), (32,)))


@pytest.mark.parametrize("shape", [AUTO, EVEN])
def test_a_shape_comes_back_from_its_weights(shape: Shape) -> None:
    assert read_shape(dict(wanted_shapes(shape)), "x") == shape
    assert shape.is_even == (shape is EVEN)


@pytest.mark.parametrize(("kind", "count"), [("manual", 2), ("auto", 3)])
def test_the_peers_own_keys_are_those_that_are_wanted(kind: str, count: int) -> None:
    lines = [line.split("\t") for line in (GOLDENS / kind / "keys.txt").read_text().splitlines()]
    shapes = {
        flat_name(name): tuple(int(n) for n in shape.strip("[]").split(",") if n)
        for name, shape, what in lines
        if what == "parameter"
    }
    found = read_shape(shapes, "x")
    assert dict(wanted_shapes(found)) == shapes
    assert len(found.image.inner) == len(found.text.inner) == count


@dataclass(frozen=True)
class Wrong:
    change: dict[str, tuple[int, ...] | None]
    said: str


BLOCK = "visual.transformer.resblocks.0"
WRONG = [
    Wrong({"visual.proj": (23, 16)}, r"'visual.proj' has shape \(23, 16\), not \(22, 16\)"),
    Wrong({"ln_final.bias": None}, "'ln_final.bias' is missing"),
    Wrong({"extra.weight": (3,)}, r"'extra.weight' of shape \(3,\) is no weight of it"),
    Wrong({f"{BLOCK}.attn.in_proj_weight": None}, "in_proj_weight' is missing"),
    Wrong({f"{BLOCK}.ln_1.bias": None}, "ln_1.bias' is missing"),
    Wrong({"visual.positional_embedding": (12, 22)}, r"has shape \(12, 22\), not \(10, 22\)"),
    Wrong({"visual.conv1.weight": None}, "'visual.conv1.weight' is missing"),
    Wrong({"logit_scale": (2,)}, r"'logit_scale' has shape \(2,\), not \(\)"),
    Wrong({f"{BLOCK[:-1]}7.ln_2.bias": (22,)}, "resblocks.2.ln_2.bias' is missing"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong.change)))
def test_wrong_weights_are_named_beside_the_nearest_layout(wrong: Wrong) -> None:
    shapes = dict(wanted_shapes(AUTO))
    for name, shape in wrong.change.items():
        shapes.pop(name, None)
        if shape is not None:
            shapes[name] = shape
    with pytest.raises(DataError, match=wrong.said) as caught:
        read_shape(shapes, "F")
    said = str(caught.value)
    assert said.startswith("F: a TinyCLIP of unknown shape: ")
    assert "; the nearest known layout is ViT-" in said
    assert "\n" not in said


def test_other_towers_and_nearest_layouts_are_named() -> None:
    with pytest.raises(DataError, match="a ResNet as image tower"):
        read_shape({"visual.layer1.0.conv1.weight": (1,)}, "x")
    wide = EVEN._replace(
        image=Tower(640, (640,) * 12, (2560,) * 12),
        text=Tower(512, (512,) * 9, (2048,) * 9),
        patch=32,
    )
    shapes = dict(wanted_shapes(wide)) | {"visual.proj": (1, 1, 1)}
    with pytest.raises(DataError, match=r"known layout is ViT-61M/32-Text-29M: pictures 640 wide"):
        read_shape(shapes, "x")
