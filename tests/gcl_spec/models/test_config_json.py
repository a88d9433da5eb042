"""Values of config.json: odd ones are errors."""

from pathlib import Path
from typing import Any

import pytest

from gcl_jax.models.towers.clip import Clip
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.tiny_clip import write_tiny
from gcl_torch.models.towers.clip import ClipTowers
from json_files import change

END = 513


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "model", 0)
    return tmp_path / "model"


VALUES = {
    "projection_dim": [None, 0, -1, "64", [64], 64.0, True, 10**12],
    "text_config": [None, [], "x", 3],
    "vision_config": [None, [], "x"],
    "text_config__vocab_size": [None, "514", 0, 10**12, 513],
    "text_config__hidden_size": [None, 0, [64], 10**9],
    "text_config__num_hidden_layers": [None, 0, 10**9, 1.5],
    "text_config__num_attention_heads": [None, 0, 3, "2"],
    "text_config__max_position_embeddings": [None, -4, 10**12],
    "text_config__hidden_act": [None, 3, "no-such"],
    "text_config__layer_norm_eps": [None, "x", -1, float("nan")],
    "text_config__eos_token_id": [None, [END], [], [1, 2], "2", -1, 2.5, True],
    "text_config__intermediate_size": [None, 0, 10**10],
    "vision_config__image_size": [None, 0, [32, 32], 33, 10**9],
    "vision_config__patch_size": [None, 0, 7, 64],
    "vision_config__num_channels": [None, 0, 1, 4],
}

CASES = [(key, value) for key, values in VALUES.items() for value in values]


@pytest.mark.parametrize("tower", [ClipTowers, Clip])
def test_odd_values_of_a_configuration(tower: Any, tiny: Path) -> None:
    """Either the folder is loaded, or one line names the file and the key."""
    original = (tiny / "config.json").read_text()
    loaded = []
    for key, value in CASES:
        (tiny / "config.json").write_text(original)
        change(tiny, "config.json", **{key: value})
        try:
            found = tower.from_folder(tiny)
        except (DataError, ConfigError) as error:
            said = str(error)
            assert key.rpartition("__")[2].split("_")[0] in said, (key, value, said)
            assert "\n" not in said
            continue
        loaded.append((key, value))
        assert found.width == 64
    defaults = {key for key, value in loaded if value is None}
    assert "text_config__layer_norm_eps" in defaults, "a null is transformers' default"
    assert ("text_config__eos_token_id", [END]) in loaded
    assert len(loaded) < len(CASES) / 4, loaded
