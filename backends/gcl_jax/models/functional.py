"""A flax.nnx module as a function of its parameters, which go by their dotted names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import jax
from flax import nnx

__all__ = ["Functional", "Params"]

Params = dict[str, jax.Array]
_Path = tuple[Any, ...]


@dataclass(frozen=True)
class Functional:
    """A module as a function of its values: `call(params, buffers, run)` gives it to `run`.

    It holds no values. Those of modules that differ in values alone are equal, and have one hash,
    so that what is compiled for one of them serves all.

    graph: what the module is made of. params, buffers: the paths of its values.
    """

    graph: nnx.GraphDef[Any]
    params: tuple[_Path, ...]
    buffers: tuple[_Path, ...]

    @classmethod
    def of(cls, module: nnx.Module) -> tuple["Functional", Params, Params]:
        """The function, with the parameters and buffers of the module.

        Names are dotted paths, such as "image_head.1.weight", as torch's state dicts have them.
        """
        # Its type, with as many states as filters, is beyond the type checker.
        graph, params, buffers = cast(Any, nnx).split(module, nnx.Param, nnx.BatchStat)
        function = cls(graph, _paths(params), _paths(buffers))
        return function, _flat(params), _flat(buffers)

    def call(
        self,
        params: Mapping[str, jax.Array],
        buffers: Mapping[str, jax.Array],
        run: Callable[[Any], Any],
    ) -> Any:
        """The result of `run(module)`, which changes nothing.

        Args:
            params: parameters by dotted name, of the shapes of the module.
            buffers: buffers by dotted name, of the shapes of the module.
            run: what is done with the module that holds them.
        """
        states = _filled(self.params, params), _filled(self.buffers, buffers)
        return run(nnx.merge(self.graph, *states))


def _name(path: _Path) -> str:
    return ".".join(map(str, path))


def _paths(state: Any) -> tuple[_Path, ...]:
    return tuple(path for path, _ in nnx.to_flat_state(state))


def _flat(state: Any) -> Params:
    return {_name(path): variable[...] for path, variable in nnx.to_flat_state(state)}


def _filled(paths: tuple[_Path, ...], values: Mapping[str, jax.Array]) -> Any:
    return nnx.from_flat_state([(path, values[_name(path)]) for path in paths])
