"""The presets by name, and on the modalities of other models."""

import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.objective import GCL, PRESETS, Direction, preset


def test_presets_are_found_by_name() -> None:
    assert preset("gcl") is GCL
    with pytest.raises(ConfigError, match="there are gcl"):
        preset("glc")


def test_a_preset_keeps_its_settings_on_other_modalities() -> None:
    found = preset("e5-omni", ("audio", "text"))
    assert (found.modalities, found.scales, found.debias) == (("audio", "text"), "modality", 0.1)
    assert found.directions == (Direction("audio", "text"), Direction("text", "audio"))
    assert preset("siglip", ("image", "text", "image+text")) == PRESETS["siglip"]
