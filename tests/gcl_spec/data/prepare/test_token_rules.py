"""How a checkpoint's files say that texts are cut and padded."""

from pathlib import Path

import pytest

from gcl_spec.data.prepare.token_rules import read_tokenizer, token_rules
from gcl_spec.errors import DataError
from gcl_spec.models.tiny_clip import write_tiny
from json_files import change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "model", 0)
    return tmp_path / "model"


def test_rules_of_a_clip_checkpoint(folder: Path) -> None:
    found = token_rules(folder)
    assert (found.padding_side, found.truncation_side) == ("right", "right")
    assert (found.full, found.masked) == (False, True)
    assert found.rows == 514
    assert token_rules(folder, max_tokens=5).limit == 5
    assert token_rules(folder, max_tokens=10**6).limit == found.limit


@pytest.mark.parametrize(
    ("values", "name", "want"),
    [
        ({"padding_side": "left"}, "padding_side", "left"),
        ({"truncation_side": "left"}, "truncation_side", "left"),
        ({"pad_token": "<|startoftext|>"}, "pad", "<|startoftext|>"),
        ({"pad_token": {"content": "<|startoftext|>"}}, "pad", "<|startoftext|>"),
        ({"model_max_length": 7}, "limit", 7),
        ({"model_input_names": ["input_ids"]}, "masked", False),
    ],
)
def test_the_tokenizers_own_settings(folder: Path, values: dict, name: str, want: object) -> None:
    change(folder, "tokenizer_config.json", **values)
    assert getattr(token_rules(folder), name) == want


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"padding_side": "middle"}, "padding_side is 'middle'; left or right is meant"),
        ({"pad_token": 3}, "no padding token"),
        ({"auto_map": {"AutoTokenizer": "mine.Tokens"}, "tokenizer_class": "Tokens"}, "never run"),
    ],
)
def test_settings_that_are_refused(folder: Path, values: dict, message: str) -> None:
    change(folder, "tokenizer_config.json", **values)
    with pytest.raises(DataError, match=message):
        token_rules(folder)


def test_a_limit_must_be_known(folder: Path) -> None:
    change(folder, "tokenizer_config.json", model_max_length=1e30)
    change(folder, "config.json", model_type="other", text_config__max_position_embeddings=None)
    with pytest.raises(DataError, match="how many tokens the model takes"):
        token_rules(folder)
    assert token_rules(folder, max_tokens=9).limit == 9


def test_a_tokenizer_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: cannot read the .*save_pretrained"):
        read_tokenizer(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match=r"bad\.json: cannot read the tokenizer: ") as caught:
        read_tokenizer(tmp_path / "bad.json")
    assert "save_pretrained" not in str(caught.value)
