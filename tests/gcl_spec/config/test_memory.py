"""Options that no machine has the memory for are one line that says how much it would be."""

import numpy as np
import pytest

from gcl_spec.audit.findings import check_data
from gcl_spec.config import toml
from gcl_spec.config.memory import check_memory, lacks_memory
from gcl_spec.errors import ConfigError
from gcl_spec.train.adapter_widths import resolved

HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.width=100000000000", "model.hidden = 1024 and model.width = 100000000000 would"),
        ("model.hidden=100000000000", r"would take 819,200\.0 GB of memory or more; this machine"),
        (f"model.width={HUGE}", "model.width = 9223372036854775807 would take"),
        ("train.batch_size=100000000000", "train.batch_size = 100000000000 and model.width"),
        ("model.image_size=1000000", r"image_size = 1000000 would take 384,000\.0 GB"),
        (f"data.workers={HUGE}", "data.workers"),
    ],
)
def test_too_much_memory_is_said_before(override: str, message: str) -> None:
    config = toml.load(recipe="lite", overrides=[override])
    for use in (check_memory, resolved, check_data):
        with pytest.raises(ConfigError, match=message):
            use(config)


def test_lora_and_vectors() -> None:
    overrides = [f"model.lora={HUGE}", "model.freeze=none"]
    with pytest.raises(ConfigError, match=r"model\.lora = 9223372036854775807 would take"):
        check_memory(toml.load(recipe="tiny", overrides=overrides))
    with pytest.raises(ConfigError, match=r"model\.image_vector = 9223372036854775807 and"):
        check_memory(toml.load(recipe="adapter", overrides=[f"model.image_vector={HUGE}"]))
    overrides = ['model.modalities=["video", "text"]', f"model.frames={HUGE}"]
    with pytest.raises(ConfigError, match=r"batch_size = 64 and model\.frames = 92233720368547758"):
        check_memory(toml.load(recipe="tiny", overrides=overrides))


@pytest.mark.parametrize("name", toml.recipe_names())
def test_recipes_fit(name: str) -> None:
    check_memory(toml.load(recipe=name))


def test_how_libraries_say_that_memory_lacks() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**50)
    assert lacks_memory(caught.value)
    assert lacks_memory(MemoryError())
    for said in (
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.",
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "RESOURCE_EXHAUSTED: Out of memory allocating 400 bytes.",
    ):
        assert lacks_memory(RuntimeError(said))
    assert not lacks_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not lacks_memory(ValueError("cannot allocate"))
