"""The kernel of each framework, found by entry point: `gcl_spec.loss` uses it when none is given.

A distribution declares `[project.entry-points."gcl_spec.kernels"]`, a name of `_RECOGNISED` and an
object that makes a `gcl_spec.loss.plain.Kernel` without arguments.
"""

import sys
from collections.abc import Callable
from importlib.metadata import entry_points

from array_api_compat import is_jax_array, is_torch_array

from gcl_spec._typing import Array
from gcl_spec.loss.plain import Kernel, plain_blocks

__all__ = ["kernel_for"]

_RECOGNISED: dict[str, Callable[[object], bool]] = {"torch": is_torch_array, "jax": is_jax_array}
_found: dict[str, Kernel] = {}


def kernel_for(x: Array) -> Kernel:
    """The fast kernel for arrays like `x`; the direct one where there is none."""
    for name, recognises in _RECOGNISED.items():
        if recognises(x):
            if name not in _found:
                if _is_traced_by_torch():  # which would trace the search; the next call finds it
                    return plain_blocks
                _found[name] = _load(name)
            return _found[name]
    return plain_blocks


def _load(name: str) -> Kernel:
    found = entry_points(group="gcl_spec.kernels", name=name)
    for point in found:
        kernel: Kernel = point.load()()
        return kernel
    return plain_blocks


def _is_traced_by_torch() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.compiler.is_compiling())
