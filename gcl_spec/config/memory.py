"""Options that ask for more memory than the machine has, found before it is asked for."""

import os
import re
from collections.abc import Iterator

from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.objective import given_names

__all__ = ["check_memory", "lacks_memory"]

_NUMBER = 4  # bytes of a float32
_TRAINED = 4 * _NUMBER  # a weight, its gradient, and the two running means of AdamW
_HEADS = 2
_PICTURES = 32  # pictures that a frozen tower sees at a time
_PIXELS = 3 * 32**2  # of the smallest frame
_TOWER = 512  # width of the smallest matrices that LoRA stands beside
_PROCESS = 100 * 2**20  # bytes of a Python process that makes batches
# NumPy, torch and JAX say in these words, in MemoryErrors and RuntimeErrors, that memory is short.
_LACKS = re.compile(
    r"allocate|out of memory|RESOURCE_EXHAUSTED|Storage size calculation overflowed", re.IGNORECASE
)


def check_memory(config: Config) -> None:
    """Refuse options that take more memory than the machine has.

    It reckons with a lower bound: what is allowed here may still be too much.

    Raises:
        ConfigError: an option takes too much; the message says how much.
    """
    there = _memory()
    for options, needed in _needs(config):
        if there is not None and needed > there:
            said = " and ".join(f"{name} = {value}" for name, value in options.items())
            raise ConfigError(
                f"{said} would take {_gigabytes(needed)} of memory or more; this machine has "
                f"{_gigabytes(there)}: choose less"
            )


def _needs(config: Config) -> Iterator[tuple[dict[str, int], int]]:
    """Options with their values, and the bytes that they take at the least."""
    model, data = config.model, config.data
    if model.kind not in ("clip", "vista"):
        between = {"model.hidden": model.hidden, "model.width": model.width}
        yield between, _HEADS * _TRAINED * model.hidden * model.width
        rows = {"train.batch_size": config.train.batch_size, "model.width": model.width}
        yield rows, _HEADS * _NUMBER * config.train.batch_size * model.width
    if model.kind == "adapter":
        for name, width in (("image", model.image_vector), ("text", model.text_vector)):
            options = {f"model.{name}_vector": width, "model.hidden": model.hidden}
            yield options, _TRAINED * width * model.hidden
    if model.kind == "lite":
        pixels = 3 * model.image_size**2
        yield {"model.image_size": model.image_size}, _PICTURES * _NUMBER * pixels
    if model.kind != "adapter" and "video" in given_names(model.modalities):
        frames = {"train.batch_size": config.train.batch_size, "model.frames": model.frames}
        yield frames, _PIXELS * _NUMBER * config.train.batch_size * model.frames
    yield {"model.lora": model.lora}, _TRAINED * _TOWER * model.lora
    yield {"data.workers": data.workers}, _PROCESS * data.workers


def lacks_memory(error: BaseException) -> bool:
    """Does an error of NumPy, torch or JAX say that there is not enough memory?"""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and _LACKS.search(str(error)) is not None


def _memory() -> int | None:
    """Bytes of the machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
