"""Names of tower outputs change with all that changes the outputs, and with nothing else."""

from dataclasses import replace

import pytest

from gcl_spec.config.options import ModelConfig
from gcl_spec.data.features.keys import image_tower_key, text_tower_key
from gcl_spec.data.prepare import pictures, tokenizer


def test_options_of_each_tower() -> None:
    model = ModelConfig()
    larger, longer = replace(model, image_size=96), replace(model, max_tokens=17)
    assert image_tower_key(larger) != image_tower_key(model) == image_tower_key(longer)
    assert text_tower_key(longer) != text_tower_key(model) == text_tower_key(larger)
    assert image_tower_key(replace(model, width=8, lora=2)) == image_tower_key(model)


def test_versions_of_the_code_that_prepares(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image_tower_key(ModelConfig()), text_tower_key(ModelConfig())
    monkeypatch.setattr(pictures, "PREPROCESSING_VERSION", -1)
    monkeypatch.setattr(tokenizer, "TOKENIZING_VERSION", -1)
    after = image_tower_key(ModelConfig()), text_tower_key(ModelConfig())
    assert all(x != y for x, y in zip(before, after, strict=True))
    assert "==" in before[0], "the version of the weights"
