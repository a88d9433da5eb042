"""The names and shapes of a VISTA checkpoint's weights, and what of a file does not fit them.

VISTA is Visualized BGE (Zhou et al. 2024, arXiv 2406.04292), whose files are the flat state dict of
`Visualized_BGE` in https://github.com/FlagOpen/FlagEmbedding (research/visual_bge): a BGE text
encoder, an EVA02-CLIP image tower, and the layer that takes image tokens to the text's width.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gcl_spec._words import brief
from gcl_spec.errors import DataError

__all__ = ["BASE", "M3", "VistaSizes", "check_keys", "is_table", "is_unused", "sizes_of"]

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of weights by name."""

_SHOWN = 3
_VISUAL = "model_visual.visual"
_TABLE = re.compile(r"model_visual\.visual\.(?:blocks\.\d+\.attn\.)?rope\.freqs_(?:cos|sin)")
_UNUSED = ("bge_pooler.", "model_visual.logit_scale", f"{_VISUAL}.norm.", f"{_VISUAL}.head.")
_OLD = "bge_embeddings.position_ids"  # files of transformers before 4.31 have it


@dataclass(frozen=True, slots=True)
class VistaSizes:
    """The sizes of a VISTA model, all of which the shapes of its weights tell."""

    width: int
    layers: int
    hidden: int
    vocabulary: int
    positions: int
    token_types: int
    image_width: int
    image_layers: int
    image_hidden: int
    patch: int
    grid: int
    """Patches on a side of the square picture."""
    image_out: int
    """The width of EVA-CLIP's own projection, which is never used."""
    head_width: int = 64
    """The width of a head of the image tower; the rotary tables have as many columns."""

    @property
    def patches(self) -> int:
        """The image tokens of a picture."""
        return self.grid**2

    @property
    def image_size(self) -> int:
        """The side of the square picture, in pixels."""
        return self.grid * self.patch

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all weights and buffers by name, as the published files have them."""
        return dict(self._shapes())

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        width, image, patch = self.width, self.image_width, self.patch
        for i in range(self.layers):
            yield from self._text_layer(f"bge_encoder.layer.{i}")
        rows = {"word": self.vocabulary, "position": self.positions, "token_type": self.token_types}
        for name, count in rows.items():
            yield f"bge_embeddings.{name}_embeddings.weight", (count, width)
        yield from _norm("bge_embeddings.LayerNorm", width)
        yield from _linear("bge_pooler.dense", width, width)
        yield "model_visual.logit_scale", ()
        yield f"{_VISUAL}.cls_token", (1, 1, image)
        yield f"{_VISUAL}.pos_embed", (1, self.patches + 1, image)
        yield f"{_VISUAL}.patch_embed.proj.weight", (image, 3, patch, patch)
        yield f"{_VISUAL}.patch_embed.proj.bias", (image,)
        yield from self._tables(_VISUAL)
        for i in range(self.image_layers):
            yield from self._image_block(f"{_VISUAL}.blocks.{i}")
        yield from _norm(f"{_VISUAL}.norm", image)
        yield from _linear(f"{_VISUAL}.head", self.image_out, image)
        yield from _linear("visual_proj", width, image)

    def _text_layer(self, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        width = self.width
        for part in ("query", "key", "value"):
            yield from _linear(f"{name}.attention.self.{part}", width, width)
        yield from _linear(f"{name}.attention.output.dense", width, width)
        yield from _norm(f"{name}.attention.output.LayerNorm", width)
        yield from _linear(f"{name}.intermediate.dense", self.hidden, width)
        yield from _linear(f"{name}.output.dense", width, self.hidden)
        yield from _norm(f"{name}.output.LayerNorm", width)

    def _image_block(self, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        width, hidden = self.image_width, self.image_hidden
        yield from _norm(f"{name}.norm1", width)
        for part in ("q_bias", "v_bias"):
            yield f"{name}.attn.{part}", (width,)
        for part in "qkv":
            yield f"{name}.attn.{part}_proj.weight", (width, width)
        yield from _norm(f"{name}.attn.inner_attn_ln", width)
        yield from _linear(f"{name}.attn.proj", width, width)
        yield from self._tables(f"{name}.attn")
        yield from _norm(f"{name}.norm2", width)
        for part in ("w1", "w2"):
            yield from _linear(f"{name}.mlp.{part}", hidden, width)
        yield from _norm(f"{name}.mlp.ffn_ln", hidden)
        yield from _linear(f"{name}.mlp.w3", width, hidden)

    def _tables(self, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        for part in ("cos", "sin"):
            yield f"{name}.rope.freqs_{part}", (self.patches, self.head_width)


def _linear(name: str, outputs: int, inputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


BASE = VistaSizes(768, 12, 3072, 30522, 512, 2, 768, 12, 2048, 16, 14, 512)
"""Visualized_base_en_v1.5.pth: BGE-base-en-v1.5 and EVA02-CLIP-B/16."""

M3 = VistaSizes(1024, 24, 4096, 250002, 8194, 1, 1024, 24, 2730, 14, 16, 768)
"""Visualized_m3.pth: BGE-M3, which is an XLM-RoBERTa, and EVA02-CLIP-L/14."""

_KNOWN = {"VISTA base": BASE, "VISTA m3": M3}


def is_unused(name: str) -> bool:
    """Is a weight of a checkpoint one that no output depends on?"""
    return name.startswith(_UNUSED) or name == _OLD


def is_table(name: str) -> bool:
    """Is a weight one of the rotary tables, all copies of one?"""
    return _TABLE.fullmatch(name) is not None


def sizes_of(shapes: Shapes, *, head_width: int | None = None) -> VistaSizes | None:
    """The sizes that the shapes of some weights tell; None where these are not of a VISTA.

    Args:
        shapes: the shapes of a checkpoint's weights.
        head_width: that of the image tower, for files without rotary tables.
    """
    try:
        width, image = shapes["visual_proj.weight"]
        vocabulary, positions, types = (
            shapes[f"bge_embeddings.{name}_embeddings.weight"][0]
            for name in ("word", "position", "token_type")
        )
        tokens, patch = (
            shapes[f"{_VISUAL}.pos_embed"][1],
            shapes[f"{_VISUAL}.patch_embed.proj.weight"][2],
        )
        table = shapes.get(f"{_VISUAL}.rope.freqs_cos", (0, head_width or BASE.head_width))
        return VistaSizes(
            width,
            _count(shapes, r"bge_encoder\.layer\.(\d+)\."),
            shapes["bge_encoder.layer.0.intermediate.dense.bias"][0],
            vocabulary,
            positions,
            types,
            image,
            _count(shapes, r"model_visual\.visual\.blocks\.(\d+)\."),
            shapes[f"{_VISUAL}.blocks.0.mlp.w1.bias"][0],
            patch,
            round((tokens - 1) ** 0.5),
            shapes.get(f"{_VISUAL}.head.bias", (BASE.image_out,))[0],
            table[1],
        )
    except (LookupError, ValueError):
        return None


def _count(shapes: Shapes, pattern: str) -> int:
    """The number of layers; of a far number alone there are no more than there are weights."""
    return len({match[1] for name in shapes if (match := re.match(pattern, name))})


def check_keys(shapes: Shapes, sizes: VistaSizes | None, where: str) -> None:
    """Check that the weights of a file are those of a VISTA.

    Weights that are never used, and all rotary tables, may be missing.

    Args:
        shapes: the shapes of the file's weights.
        sizes: what `sizes_of` has found in them.
        where: the file, for errors.

    Raises:
        DataError: some are missing, too many, or of another shape than in the nearest layout.
    """
    layouts = dict(_KNOWN) if sizes is None else {_named(sizes): sizes}
    comparisons = [(name, *_differences(shapes, one.shapes())) for name, one in layouts.items()]
    name, missing, extra, other = min(comparisons, key=lambda x: (sum(map(len, x[1:])), x[0]))
    said = [
        f"{len(names):,} {word}: {', '.join([*names[:_SHOWN], *['...'][: len(names) - _SHOWN]])}"
        for word, names in (("missing", missing), ("of another shape", other), ("unknown", extra))
        if names
    ]
    if said:
        raise DataError(
            f"{where}: not the weights of a VISTA; from the nearest layout, {name}, differ "
            f"{'; '.join(said)}"
        )


def _named(sizes: VistaSizes) -> str:
    same = [name for name, known in _KNOWN.items() if known == sizes]
    own = f"width {sizes.width}, {sizes.layers} layers, {sizes.image_layers} of the image tower"
    return same[0] if same else f"a VISTA of its own sizes ({own})"


def _differences(shapes: Shapes, wanted: Shapes) -> tuple[list[str], list[str], list[str]]:
    """Weights that are missing, unknown, and of another shape, with their shapes."""
    needed = {name for name in wanted if not is_unused(name) and not is_table(name)}
    missing = [f"{name} {wanted[name]}" for name in sorted(needed - shapes.keys())]
    own = [name for name in shapes if name != _OLD]
    extra = [brief(f"{n} {shapes[n]}") for n in sorted(own) if n not in wanted]
    other = [
        f"{name} {shapes[name]}, not {wanted[name]}"
        for name in sorted(own, key=lambda name: (is_table(name), name))
        if name in wanted and shapes[name] != wanted[name]
    ]
    return missing, extra, other
