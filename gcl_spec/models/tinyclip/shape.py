"""Finds from the shapes of a TinyCLIP's weights what it is made of, block by block."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gcl_spec.errors import DataError

__all__ = ["Shape", "Tower", "read_shape", "wanted_shapes"]

Shapes = Mapping[str, tuple[int, ...]]

_SHOWN = 3
_TOWERS = {"image": "visual.transformer.resblocks.", "text": "transformer.resblocks."}
# Widths and numbers of blocks of the image and of the text tower, and the side of the patches:
# https://github.com/microsoft/Cream/tree/main/TinyCLIP/src/open_clip/model_configs
_KNOWN = {
    "ViT-8M/16-Text-3M": (256, 10, 256, 3, 16),
    "ViT-39M/16-Text-19M": (512, 12, 512, 6, 16),
    "ViT-40M/32-Text-19M": (512, 12, 512, 6, 32),
    "ViT-61M/32-Text-29M": (640, 12, 512, 9, 32),
    "auto-ViT-63M/32-Text-31M before pruning": (768, 12, 512, 12, 32),
}


class Tower(NamedTuple):
    """A transformer: the width of its stream, and two widths of each block.

    inner: the width of a block's heads together; 0 where it has no attention.
    hidden: the width within a block's MLP.
    """

    width: int
    inner: tuple[int, ...]
    hidden: tuple[int, ...]

    @property
    def is_even(self) -> bool:
        """Are all blocks alike, and their heads together as wide as the stream?"""
        return {*self.inner} == {self.width} and len({*self.hidden}) == 1


class Shape(NamedTuple):
    """What a model is made of; `side` is that of a picture, in patches."""

    image: Tower
    text: Tower
    joint: int
    side: int
    patch: int
    channels: int
    words: int
    length: int

    @property
    def is_even(self) -> bool:
        """Has it the form of transformers' `CLIPModel`, which knows one width for all blocks?"""
        return self.image.is_even and self.text.is_even


def read_shape(shapes: Shapes, where: str) -> Shape:
    """What the model of these weights is made of.

    Args:
        shapes: the shapes of all weights, by open_clip's names.
        where: the file, for errors.

    Raises:
        DataError: weights are missing, too many or misshapen; the message names the nearest layout
            that is published.
    """
    if any(name.startswith(("visual.layer1.", "visual.attnpool.")) for name in shapes):
        raise DataError(f"{where}: a ResNet as image tower, which is not read; take one with a ViT")
    towers = {name: _tower(shapes, name) for name in _TOWERS}
    channels, patch = (
        _size(shapes, "visual.conv1.weight", 1),
        _size(shapes, "visual.conv1.weight", 2),
    )
    side = round(max(_size(shapes, "visual.positional_embedding", 0) - 1, 0) ** 0.5)
    shape = Shape(
        image=towers["image"],
        text=towers["text"],
        joint=_size(shapes, "visual.proj", 1),
        side=side,
        patch=patch,
        channels=channels,
        words=_size(shapes, "token_embedding.weight", 0),
        length=_size(shapes, "positional_embedding", 0),
    )
    wrong = list(_differences(shapes, dict(wanted_shapes(shape))))
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError(
            f"{where}: a TinyCLIP of unknown shape: {'; '.join(wrong[:_SHOWN])}{more}; the nearest "
            f"known layout is {_nearest(shape)}"
        )
    return shape


def wanted_shapes(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of all weights of such a model, by open_clip's names."""
    image, text = shape.image, shape.text
    yield "logit_scale", ()
    yield "visual.class_embedding", (image.width,)
    yield "visual.positional_embedding", (shape.side**2 + 1, image.width)
    yield "visual.conv1.weight", (image.width, shape.channels, shape.patch, shape.patch)
    yield "visual.proj", (image.width, shape.joint)
    yield "token_embedding.weight", (shape.words, text.width)
    yield "positional_embedding", (shape.length, text.width)
    yield "text_projection", (text.width, shape.joint)
    for norm, width in (("visual.ln_pre", image.width), ("visual.ln_post", image.width)):
        yield from _affine(norm, width)
    yield from _affine("ln_final", text.width)
    for tower, start in ((image, _TOWERS["image"]), (text, _TOWERS["text"])):
        for number, (inner, hidden) in enumerate(zip(tower.inner, tower.hidden, strict=True)):
            yield from _block(f"{start}{number}", tower.width, inner, hidden)


def _block(name: str, width: int, inner: int, hidden: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    if inner:
        yield from _affine(f"{name}.ln_1", width)
        yield f"{name}.attn.in_proj_weight", (3 * inner, width)
        yield f"{name}.attn.in_proj_bias", (3 * inner,)
        yield f"{name}.attn.out_proj.weight", (width, inner)
        yield f"{name}.attn.out_proj.bias", (width,)
    yield from _affine(f"{name}.ln_2", width)
    yield f"{name}.mlp.c_fc.weight", (hidden, width)
    yield f"{name}.mlp.c_fc.bias", (hidden,)
    yield f"{name}.mlp.c_proj.weight", (width, hidden)
    yield f"{name}.mlp.c_proj.bias", (width,)


def _affine(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _tower(shapes: Shapes, name: str) -> Tower:
    start = _TOWERS[name]
    numbers = {n.removeprefix(start).partition(".")[0] for n in shapes if n.startswith(start)}
    count = 1 + max((int(x) for x in numbers if x.isdecimal() and len(x) < 4), default=-1)
    stream = "visual.conv1.weight" if name == "image" else "token_embedding.weight"
    inner, hidden = [], []
    for block in (f"{start}{number}" for number in range(count)):
        attends = any(n.startswith((f"{block}.attn.", f"{block}.ln_1.")) for n in shapes)
        projected = _size(shapes, f"{block}.attn.in_proj_weight", 0) // 3
        # A block of which only a part of the attention is left lacks the rest of it.
        inner.append(max(projected, 1) if attends else 0)
        hidden.append(_size(shapes, f"{block}.mlp.c_fc.weight", 0))
    return Tower(_size(shapes, stream, 0 if name == "image" else 1), tuple(inner), tuple(hidden))


def _size(shapes: Shapes, name: str, axis: int) -> int:
    """The length of an axis of a weight; 0 where there is none, which is reported later."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else 0


def _differences(shapes: Shapes, wanted: Shapes) -> Iterator[str]:
    for name in sorted(wanted.keys() - shapes.keys()):
        yield f"{name!r} is missing"
    for name in sorted(shapes.keys() - wanted.keys()):
        yield f"{name[:80]!r} of shape {shapes[name]} is no weight of it"
    for name in sorted(wanted.keys() & shapes.keys()):
        scale = name == "logit_scale" and shapes[name] == (1,)
        if shapes[name] != wanted[name] and not scale:
            yield f"{name!r} has shape {shapes[name]}, not {wanted[name]}"


def _nearest(shape: Shape) -> str:
    own = (
        *(shape.image.width, len(shape.image.inner), shape.text.width, len(shape.text.inner)),
        shape.patch,
    )

    def distance(known: tuple[int, ...]) -> float:
        return sum(abs(x - y) / y for x, y in zip(own, known, strict=True))

    name = min(_KNOWN, key=lambda known: distance(_KNOWN[known]))
    image, blocks, text, layers, patch = _KNOWN[name]
    return (
        f"{name}: pictures {image} wide, {blocks} blocks, patches of {patch}; texts {text} wide, "
        f"{layers} blocks"
    )
