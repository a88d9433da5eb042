"""The blocks of a CLIP's transformers, which in a pruned one have sizes of their own."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gcl_spec.errors import DataError

__all__ = ["BY_BLOCK", "PRUNED", "Block", "blocks_of", "check_blocks"]

PRUNED = "gcl_pruned_clip"
"""The model_type of a CLIP whose blocks differ, as the automatic models of TinyCLIP do.

Its num_attention_heads and intermediate_size are lists, an entry a block, and 0 heads are a block
without attention; head_dim is the width of a head. No other program knows it.
"""

BY_BLOCK = ("num_attention_heads", "intermediate_size")
"""The settings that are lists where the type is `PRUNED`."""

Settings = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]


class Block(NamedTuple):
    """The sizes of one block: heads, their width, and the width within the MLP."""

    heads: int
    head_dim: int
    hidden: int

    @property
    def inner(self) -> int:
        """The width of all heads together; 0 where the block has no attention."""
        return self.heads * self.head_dim


def blocks_of(tower: Settings) -> tuple[Block, ...]:
    """The blocks of a tower, of its checked settings.

    >>> blocks_of({"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2,
    ...            "intermediate_size": 32})
    (Block(heads=2, head_dim=4, hidden=32), Block(heads=2, head_dim=4, hidden=32))
    """
    heads, hidden = (tower[key] for key in BY_BLOCK)
    if isinstance(heads, list):
        sizes = zip(heads, hidden, strict=True)
        return tuple(Block(count, tower["head_dim"], width) for count, width in sizes)
    block = Block(heads, tower["hidden_size"] // heads, hidden)
    return tuple(block for _ in range(tower["num_hidden_layers"]))


def check_blocks(tower: Settings, name: str, shapes: Shapes, where: str) -> None:
    """Check the lists of a pruned tower, before memory is taken for its blocks.

    Args:
        tower: the settings, complete, but for the lists unchecked.
        name: the key of the settings, such as "text_config".
        shapes: the shapes of the weights, by name.
        where: the config file, for errors.

    Raises:
        DataError: they are no such lists, or the weights contradict them.
    """
    for key, least in zip(BY_BLOCK, (0, 1), strict=True):
        sizes, count = tower[key], tower["num_hidden_layers"]
        fits = isinstance(sizes, list) and len(sizes) == count
        if not fits or not all(type(x) is int and x >= least for x in sizes):
            raise DataError(
                f"{where}: {name}.{key} is {sizes!r:.60}; a list of {count} whole numbers is "
                f"meant, from {least} on, one for each of num_hidden_layers"
            )
    start = f"{name.partition('_')[0]}_model.encoder.layers"
    for number, block in enumerate(blocks_of(tower)):
        for weight, key, size in (
            ("self_attn.q_proj", f"{BY_BLOCK[0]}[{number}] x head_dim", block.inner),
            ("mlp.fc1", f"{BY_BLOCK[1]}[{number}]", block.hidden),
        ):
            own = shapes.get(f"{start}.{number}.{weight}.weight", (0,))[:1]
            if own != (size,):
                raise DataError(
                    f"{where}: {name}.{key} is {size}, but the weight {start}.{number}.{weight}"
                    f".weight has {own[0] if own else 0} rows; config.json and weights are not of "
                    "one model"
                )
