"""The peer's configuration, found beside the weights or assumed, and the config.json of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.tinyclip.settings import find_config, hub_settings
from gcl_spec.models.tinyclip.shape import Tower
from tinyclips import AUTO, CONFIG

EVEN = AUTO._replace(image=Tower(128, (128, 128), (64, 64)), text=Tower(64, (64, 64), (9, 9)))


def changed(part: str, **values: Any) -> tuple[Path, dict[str, Any]]:
    return Path("c.json"), CONFIG | {part: CONFIG[part] | values}


def test_a_model_of_unlike_blocks_has_lists() -> None:
    found = hub_settings(AUTO, (Path("c.json"), CONFIG), "w.pt")
    assert found["model_type"] == "gcl_pruned_clip"
    assert found["vision_config"]["num_attention_heads"] == [3, 0]
    assert found["text_config"]["num_attention_heads"] == [0, 1]
    assert found["text_config"]["intermediate_size"] == [12, 30]
    assert found["text_config"]["head_dim"] == 8
    assert found["text_config"]["hidden_act"] == "gelu"


def test_without_a_configuration_heads_of_64_are_assumed() -> None:
    found = hub_settings(EVEN, None, "w.pt")
    assert found["model_type"] == "clip"
    assert found["vision_config"]["num_attention_heads"] == 2
    assert found["text_config"]["num_attention_heads"] == 1
    assert "head_dim" not in found["text_config"]
    with pytest.raises(
        DataError, match=r"block 1 of the text tower has heads of 8 numbers.*beside"
    ):
        hub_settings(AUTO, None, "w.pt")


def test_quick_gelu_is_a_switch() -> None:
    found = hub_settings(AUTO, (Path("c.json"), CONFIG | {"quick_gelu": True}), "w.pt")
    assert found["vision_config"]["hidden_act"] == "quick_gelu"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (changed("vision_cfg", layers=3), "vision_cfg.layers is 3, weights 2"),
        (changed("vision_cfg", width=21), "vision_cfg.width is 21, weights 22"),
        (changed("text_cfg", vocab_size=49408), "text_cfg.vocab_size is 49408, weights 514"),
        (changed("text_cfg", heads=5), "text_cfg.heads is 5, which does not divide width 24"),
        (changed("text_cfg", heads=0), "text_cfg.heads is 0; a whole number above 0"),
        (changed("text_cfg", heads=2), "heads of 24 numbers together|which are no heads of 12"),
        ((Path("c.json"), CONFIG | {"embed_dim": 512}), "embed_dim is 512, weights 16"),
    ],
)
def test_a_configuration_of_another_model_is_refused(config: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        hub_settings(AUTO, config, "w.pt")


def test_the_configuration_is_that_of_its_name_or_the_only_one(tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    assert find_config(weights) is None
    (tmp_path / "vocab.json").write_text('{"a": 1}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "a.json").write_text(json.dumps(CONFIG))
    assert find_config(weights) == (tmp_path / "a.json", CONFIG)
    (tmp_path / "b.json").write_text(json.dumps(CONFIG))
    with pytest.raises(DataError, match=r"several models \(a.json, b.json\); name that of w.pt"):
        find_config(weights)
    (tmp_path / "w.json").write_text(json.dumps(CONFIG))
    assert find_config(weights) == (tmp_path / "w.json", CONFIG)
    other = CONFIG | {"vision_cfg": CONFIG["vision_cfg"] | {"timm_model_name": "x"}}
    (tmp_path / "w.json").write_text(json.dumps(other))
    with pytest.raises(DataError, match="'timm_model_name' is no setting of a TinyCLIP"):
        find_config(weights)
