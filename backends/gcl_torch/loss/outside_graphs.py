"""Functions that compiled code leaves as they are, without a compiler where nobody compiles."""

import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import torch

__all__ = ["outside_graphs"]

P = ParamSpec("P")
R = TypeVar("R")


def outside_graphs(function: Callable[P, R]) -> Callable[P, R]:
    """The function, at which a graph of `torch.compile` breaks.

    `torch.compiler.disable` (torch 2.13) imports the whole compiler, which takes about as long as
    torch itself. Where it has not been imported, nothing is compiled.

    >>> outside_graphs(lambda x: x + 1)(1)
    2
    """

    @cache
    def disabled() -> Callable[P, R]:
        made: Callable[P, R] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
        return made

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        callee = disabled() if "torch._dynamo" in sys.modules else function
        return callee(*args, **kwargs)

    return call
