"""The kernels of the frameworks: what one supplies, and how the loss finds it by its arrays.

A framework declares its kernel in the packaging metadata of a distribution:

    [project.entry-points."gcl_spec.kernels"]
    torch = "gcl_torch.loss.kernel:GramKernel"

The name on the left is that of the framework's top-level module. Only arrays of its classes, or of
classes that derive from these, lead to the object on the right; so a kernel is imported when its
framework has been, and another framework's arrays never wait for it. The object is a
`FrameworkKernel`, or makes one when it is called without arguments.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec._words import one_line
from gcl_spec.errors import NotAKernelError
from gcl_spec.loss.problem import Blocks, Problem

__all__ = [
    "GROUP",
    "ConstantKernel",
    "FamilyKernel",
    "FrameworkKernel",
    "Kernel",
    "PartialKernel",
    "Processes",
    "framework_kernel",
]

GROUP = "gcl_spec.kernels"

_kernels: dict[type, tuple["FrameworkKernel", ...]] = {}
"""The kernels by class of arrays, or none, so that each class is searched for once in a process."""
_made: dict[tuple[str, str], "FrameworkKernel"] = {}
"""The kernels by name and value of their entry points: classes of one framework share them."""


class Kernel(Protocol):
    """A function from a problem at one scale to its blocks.

    It is differentiable by the rows, the weights, the captions' features and the scale.
    """

    def __call__(self, problem: Problem, scale: Array | float, /, *, xp: ArrayNamespace) -> Blocks:
        """Compute the blocks that `problem` asks for, (K, B) each.

        Args:
            problem: rows of shape (B, D), with what belongs to them.
            scale: 1 / temperature, a number or a 0-d array.
            xp: the Array API namespace of the arrays.
        """
        ...


@runtime_checkable
class PartialKernel(Kernel, Protocol):
    """A kernel whose problem holds this process's samples alone; it answers for those of all."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of samples of every process."""
        ...


@runtime_checkable
class FamilyKernel(Kernel, Protocol):
    """A kernel that knows problems of several scales, and those with a sigmoid, at once.

    Other kernels are asked once for each scale (`gcl_spec.loss.one_scale`), never for a sigmoid.
    """

    def serves(self, problem: Problem, /) -> bool:
        """Whether this kernel takes the problem as it is, with a scale for each place, (S,)."""
        ...


@runtime_checkable
class ConstantKernel(Kernel, Protocol):
    """A kernel of a framework that can give an array without its gradient.

    Detached hardness weights (`gcl_spec.objective.Objective`) need it.
    """

    def constant(self, x: Array, /) -> Array:
        """The array, of the same shape, which takes part in no derivative."""
        ...


@runtime_checkable
class FrameworkKernel(Kernel, Protocol):
    """The kernel that the loss uses for the arrays of one framework, when none is given."""

    def takes(self, x: object, /) -> bool:
        """Whether `x` is an array that this kernel computes with.

        It is asked in every call of the loss, also where the framework traces that call.
        """
        ...

    def readable(self, x: Array, /) -> Array | None:
        """An array of the same shape and values that can be looked at right now.

        The loss reads values to refuse bad ones. None where that would wait for a device, or where
        there are no values, as in a function that is being compiled. The array is NumPy's, or one
        of the framework that carries no gradient.
        """
        ...


class Processes(Protocol):
    """Processes that hold the same rows and share the work on pairs of tiles."""

    rank: int
    size: int

    def sum(self, x: Array, /) -> Array:
        """The sum of the processes' arrays, of any shape, on each of them."""
        ...

    def max(self, x: Array, /) -> Array:
        """The largest of the processes' values in each place of an array of any shape."""
        ...


def framework_kernel(x: object) -> FrameworkKernel | None:
    """The kernel of `x`'s framework; None where `x` is no array, or its framework declares none.

    The loss then computes with `gcl_spec.loss.plain.plain_blocks`.

    Raises:
        NotAKernelError: a kernel is declared for `x`'s framework, but cannot be used.
    """
    kernels = _kernels.get(type(x))
    if kernels is None:
        # A compiler of Python code would trace the search; the next call outside of it finds all.
        if _is_traced():
            return None
        kernels = _kernels[type(x)] = tuple(map(_made_of, _declared_for(type(x))))
    for kernel in kernels:
        if kernel.takes(x):
            return kernel
    return None


def _declared_for(kind: type) -> Iterator[EntryPoint]:
    """The entry points whose names are top-level modules of a class or its bases, in that order."""
    homes = dict.fromkeys(base.__module__.partition(".")[0] for base in kind.__mro__)
    if set(homes) <= {"builtins", "numpy"}:
        return
    declared = entry_points(group=GROUP)
    for home in homes:
        yield from declared.select(name=home)


def _made_of(point: EntryPoint) -> FrameworkKernel:
    """The kernel of an entry point, made when it is first asked for."""
    key = point.name, point.value
    if key not in _made:
        _made[key] = _load(point)
    return _made[key]


def _load(point: EntryPoint) -> FrameworkKernel:
    owner = point.dist.name if point.dist else "the distribution that declares it"
    where, way_out = f"kernel {point.name!r} ({point.value})", f"repair or uninstall {owner}"
    try:
        declared = point.load()
        kernel = declared() if isinstance(declared, type) else declared
    except (Exception, SystemExit) as error:  # a module of others may raise anything
        said = one_line(f"{type(error).__name__}: {error}")
        raise NotAKernelError(f"{where} cannot be made: {said}; {way_out}") from error
    if not isinstance(kernel, FrameworkKernel):
        raise NotAKernelError(
            f"{where} is no gcl_spec.backend.FrameworkKernel, which has takes and readable and can "
            f"be called; {way_out}"
        )
    return kernel


def _is_traced() -> bool:
    """Whether torch.compile runs this; JAX traces arrays alone, and lets Python run."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.compiler.is_compiling())
