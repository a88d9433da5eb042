"""The settings of a VISTA: of shapes and configurations, which must not contradict each other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.vista_layout import BASE, M3
from gcl_spec.models.vista_settings import VistaSettings, eva_config, read_settings, text_config
from gcl_spec.models.weights import file_shapes
from vista_cases import PATHS, VISTA


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., VistaSettings]:
    for name in ("eva.json", "bge"):
        copy = shutil.copytree if name == "bge" else shutil.copy
        copy(PATHS["m3"].parent / name, tmp_path / name)
    shapes = file_shapes(PATHS["m3"])

    def call(file: str = "eva.json", **changes: Any) -> VistaSettings:
        path = tmp_path / file
        content = json.loads(path.read_text())
        (content["vision_cfg"] if file == "eva.json" else content).update(changes)
        path.write_text(json.dumps(content))
        return read_settings(shapes, tmp_path, tmp_path / "bge", "weights")

    return call


def test_a_small_one(read: Callable[..., VistaSettings]) -> None:
    found = read()
    assert (found.heads, found.image_heads, found.pad, found.roberta) == (2, 2, 1, True)
    assert (found.most_tokens, found.most_beside_image) == (64, 57)


@pytest.mark.parametrize(("sizes", "heads"), [(BASE, 12), (M3, 16)])
def test_the_published_need_no_configuration(sizes: Any, heads: int, tmp_path: Path) -> None:
    found = read_settings(sizes.shapes(), tmp_path, tmp_path, "weights")
    assert (found.sizes, found.heads) == (sizes, heads)
    assert found.most_beside_image == (316 if sizes == BASE else 7938)
    for name, content in (("eva.json", eva_config(found)), ("config.json", text_config(found))):
        (tmp_path / name).write_text(json.dumps(content))
    assert read_settings(sizes.shapes(), tmp_path, tmp_path, "weights") == found


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("eva.json", {"naiveswiglu": False}, r"vision_cfg\.naiveswiglu = False makes another"),
        ("eva.json", {"ls_init_value": 1e-5}, r"vision_cfg\.ls_init_value = 1e-05 makes another"),
        ("eva.json", {"layers": 3}, r"vision_cfg\.layers is 3, but the weights have 2"),
        ("eva.json", {"head_width": 4}, r"vision_cfg\.head_width is 4, but the weights have 8"),
        ("bge/config.json", {"model_type": "bert"}, "model_type is 'bert', but the weights have"),
        ("bge/config.json", {"vocab_size": 5}, "vocab_size is 5, but the weights have 82"),
        ("bge/config.json", {"num_attention_heads": 3}, "the heads do not divide the widths 16"),
        ("bge/config.json", {"num_attention_heads": 0}, "num_attention_heads = 0 is of no use"),
        ("bge/config.json", {"layer_norm_eps": "x"}, "layer_norm_eps = 'x' is of no use"),
        ("bge/config.json", {"hidden_act": 3}, "hidden_act = 3 is of no use"),
    ],
)
def test_what_contradicts_the_weights(
    read: Callable[..., VistaSettings], file: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read(file, **changes)


def test_other_sizes_need_a_configuration(tmp_path: Path) -> None:
    shapes = file_shapes(PATHS["m3"])
    with pytest.raises(DataError, match=r"needs the config\.json of its text encoder"):
        read_settings(shapes, tmp_path, tmp_path, "weights")
    (tmp_path / "eva.json").write_text("{}")
    with pytest.raises(DataError, match="no vision_cfg; is this a configuration of EVA-CLIP"):
        read_settings(shapes, tmp_path, VISTA / "m3" / "bge", "weights")
    name = "bge_embeddings.token_type_embeddings.weight"
    with pytest.raises(DataError, match="token_type_embeddings has 5 rows; a BERT has 2"):
        read_settings(shapes | {name: (5, 16)}, VISTA / "m3", tmp_path, "weights")
