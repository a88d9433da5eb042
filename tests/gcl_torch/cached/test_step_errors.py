"""Gradient caching in PyTorch: what is refused, and how it is said."""

from typing import Any

import pytest
import torch

from gcl_spec.errors import InputError, InputTypeError
from gcl_torch.cached.step import cached_step

X = torch.ones(4, 2)
REFUSED: dict[str, tuple[Any, ...]] = {
    "microbatch is 0; wanted at least 1": (lambda x: x, X, torch.sum, 0),
    "microbatch is -2; wanted at least 1": (lambda x: x, X, torch.sum, -2),
    r"inputs\['b'\]\[1\] has 3 samples, inputs\['a'\] has 4": (
        lambda x: x["a"],
        {"a": X, "b": [X, torch.ones(3)]},
        torch.sum,
        2,
    ),
    r"inputs has shape \(0, 2\): the batch is empty": (lambda x: x, X[:0], torch.sum, 2),
    "inputs hold no tensor with a sample axis": (lambda x: X, {"a": "words"}, torch.sum, 2),
    r"output 0 of shape \(1, 2\) for 2 samples": (lambda x: x[:1], X, torch.sum, 2),
    "output 'z' of shape": (lambda x: {"z": x[:1]}, X, torch.sum, 4),
    "no tensor with a sample axis": (lambda x: x.sum(), X, torch.sum, 2),
    r"loss returned shape \(4, 2\); wanted a scalar": (lambda x: x, X, lambda z: z * 1, 2),
    r"loss returned shape \(1,\); wanted a scalar": (
        lambda x: x,
        X,
        lambda z: z.sum().reshape(1),
        2,
    ),
    "loss has no gradient": (lambda x: x, X, lambda z: z.detach().sum(), 2),
    r"returned the outputs \['a'\], then \['b'\]": (
        lambda x: {"a" if len(x) == 3 else "b": x},
        X,
        torch.sum,
        3,
    ),
    "microbatches may differ in the number of samples only": (
        lambda x: x[:, : len(x)],
        torch.ones(3, 2),
        torch.sum,
        2,
    ),
    "output 1 of encode has no sample axis and differs": (
        lambda x: (x, x.sum()),
        torch.arange(4.0),
        lambda z, a: z.sum(),
        2,
    ),
    "output 'n' of encode has no sample axis and differs": (
        lambda x: {"x": x, "n": float(x[0])},
        torch.arange(4.0),
        lambda x, n: x.sum(),
        2,
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_wrong_is_said(message: str) -> None:
    encode, batch, loss, microbatch = REFUSED[message]
    with pytest.raises(InputError, match=message):
        cached_step(encode, batch, loss, microbatch=microbatch)


@pytest.mark.parametrize("microbatch", [1, 3, 4])
def test_a_frozen_encoder_without_a_trained_loss_is_refused(microbatch: int) -> None:
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    weight = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(InputError, match="loss has no gradient"):
        cached_step(frozen, X, torch.sum, microbatch=microbatch)
    cached_step(frozen, X, lambda z: (z * weight).sum(), microbatch=microbatch)
    assert weight.grad is not None


@pytest.mark.parametrize(
    ("message", "encode", "loss", "microbatch"),
    [
        ("microbatch is 1.5; wanted a whole number", lambda x: x, torch.sum, 1.5),
        ("encode returned a value of type set", lambda x: {1}, torch.sum, 2),
        ("value of type object as output 1", lambda x: (x, object()), torch.sum, 2),
        ("mapping with the key 0", lambda x: {0: x}, torch.sum, 2),
        ("loss returned a float; wanted", lambda x: x, lambda z: 1.0, 2),
    ],
)
def test_wrong_types_are_named(message: str, encode: Any, loss: Any, microbatch: Any) -> None:
    with pytest.raises(InputTypeError, match=message):
        cached_step(encode, X, loss, microbatch=microbatch)
