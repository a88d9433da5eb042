"""The sizes of a pruned CLIP's blocks, held to its weights before any are made."""

from typing import Any

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.blocks import Block, blocks_of, check_blocks

TOWER = {
    "num_hidden_layers": 2, "hidden_size": 5, "head_dim": 4, "num_attention_heads": [2, 0],
    "intermediate_size": [7, 1],
}  # fmt: skip
SHAPES = {
    "text_model.encoder.layers.0.self_attn.q_proj.weight": (8, 5),
    "text_model.encoder.layers.0.mlp.fc1.weight": (7, 5),
    "text_model.encoder.layers.1.mlp.fc1.weight": (1, 5),
}


def test_blocks_may_lack_attention() -> None:
    check_blocks(TOWER, "text_config", SHAPES, "c.json")
    assert blocks_of(TOWER) == (Block(2, 4, 7), Block(0, 4, 1))
    assert [block.inner for block in blocks_of(TOWER)] == [8, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_attention_heads": [2]}, r"num_attention_heads is \[2\]; a list of 2 whole numbers"),
        ({"num_attention_heads": 2}, "a list of 2 whole numbers is meant, from 0 on"),
        ({"intermediate_size": [7, 0]}, "whole numbers is meant, from 1 on"),
        (
            {"intermediate_size": [7, 10**9]},
            r"intermediate_size\[1\] is 1000000000, but the weight",
        ),
        (
            {"num_attention_heads": [2, 1]},
            r"num_attention_heads\[1\] x head_dim is 4, but .* 0 rows",
        ),
        ({"head_dim": 2}, r"num_attention_heads\[0\] x head_dim is 4, but .* has 8 rows"),
    ],
)
def test_settings_that_contradict_the_weights_are_refused(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        check_blocks(TOWER | change, "text_config", SHAPES, "c.json")
