"""A batch spread over processes: loss and parameter gradients equal those of one process."""

import re
from functools import cache
from typing import Any

import pytest
import torch

from processes import run
from torch_cases import (
    CASES,
    REFUSED,
    SIZES,
    Model,
    in_processes,
    loss_and_gradients,
    options_of,
)


@pytest.fixture(scope="module")
def results() -> list[dict[Any, Any]]:
    return run(in_processes, max(SIZES))


@cache
def alone(name: str) -> tuple[float, torch.Tensor]:
    """The loss and the gradient of the whole batch in one process."""
    options = {k: v for k, v in options_of(CASES[name]).items() if k not in ("reduction", "ring")}
    return loss_and_gradients(Model(**options), CASES[name], slice(None))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", SIZES)
def test_processes_are_one(results: list[dict[Any, Any]], size: int, name: str) -> None:
    value, gradient = alone(name)
    for rank in range(size):
        found_value, found_gradient = results[rank][size, name]
        assert found_value == pytest.approx(value, rel=1e-12)
        error = torch.linalg.vector_norm(torch.from_numpy(found_gradient) - gradient)
        assert error <= 1e-10 * torch.linalg.vector_norm(gradient)
        assert found_gradient[-1] == pytest.approx(gradient[-1].item(), rel=1e-9), "log_scale"


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_options_are_an_error_on_all_processes(
    results: list[dict[Any, Any]], name: str
) -> None:
    for rank in (0, 1):
        assert re.search(REFUSED[name][-1], results[rank]["refused"][name])


def test_a_second_derivative_is_an_error(results: list[dict[Any, Any]]) -> None:
    for rank in (0, 1):
        said = results[rank]["second"]
        assert len(said) == 3
        assert all("no second derivative" in text for text in said)
