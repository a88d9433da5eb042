"""Modules whose weights are replaced at once, and so are not drawn first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["undrawn"]


_DRAW = frozenset(
    ("normal_", "uniform_", "trunc_normal_", "kaiming_normal_", "kaiming_uniform_",
     "xavier_normal_", "xavier_uniform_")
)  # fmt: skip


class _Undrawn(TorchFunctionMode):
    """Leaves out what fills a tensor with random numbers and returns it.

    It knows them by name, since transformers replaces functions of torch.nn.init by its own of the
    same names.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = {} if kwargs is None else kwargs
        if getattr(func, "__name__", "") in _DRAW:
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


@contextmanager
def undrawn() -> Iterator[None]:
    """Make modules whose weights hold anything until they are replaced.

    To draw a BERT's weights takes longer than to read them. No random number is used up either.
    """
    # Functions that do not ask for `__torch_function__` still draw, so the generator is restored.
    with torch.random.fork_rng(devices=[]), _Undrawn():
        yield
