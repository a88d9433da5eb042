"""The way of a picture's rows through the loss: every module once, and none is returned to."""

import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest

from gcl_spec.loss import gcl_loss, stacked_loss
from gcl_spec.objective import GCL


def visited(call: Any, rows: np.ndarray) -> list[str]:
    """The modules of `gcl_spec.loss` with functions that get `rows`, in the order of the calls."""
    found: list[str] = []

    def note(frame: FrameType, event: str, arg: object) -> None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        made = code.co_filename == "<string>"  # the constructor of a dataclass does nothing
        if event != "call" or made or not module.startswith("gcl_spec.loss."):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in names]
        given += [y for x in given if isinstance(x, dict) for y in x.values()]
        given += list(getattr(frame.f_locals.get("inputs"), "rows", {}).values())
        here = module.removeprefix("gcl_spec.loss.")
        if any(x is rows for x in given) and found[-1:] != [here]:
            found.append(here)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Rows of 16 bits: after all checks they become others, of 32."""
    image, text = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float16)
    return image, text


def test_no_module_is_returned_to(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, text = pair
    found = visited(lambda: gcl_loss(image, text, log_scale=1.0), image)
    assert found == ["equation", "kernel", "check_shapes", "check_values", "inputs"]


def test_nor_with_flags_ids_and_captions(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, text = pair
    options: dict[str, Any] = {"ids": np.asarray([0, 0, 1, 2, 3, 4]), "captions": np.eye(6)}
    options |= {"present": {"text": np.arange(6) > 0}, "weights": (0.5, np.full(6, 2.0))}
    found = visited(lambda: gcl_loss(image, text, log_scale=1.0, **options), image)
    assert found == ["equation", "kernel", "check_shapes", "check_values", "inputs"]


def test_stacked_rows_go_the_same_way(pair: tuple[np.ndarray, np.ndarray]) -> None:
    z_MBD = np.stack(pair)
    found = visited(lambda: stacked_loss(z_MBD, 1.0, objective=GCL), z_MBD)
    assert found == ["stacked", "check_shapes"]
    assert stacked_loss(z_MBD, 1.0, objective=GCL) == gcl_loss(*pair, log_scale=1.0)
