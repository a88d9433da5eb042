"""A flax.nnx module as a function of its parameters, which go by their dotted names."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
from flax import nnx

__all__ = ["Functional", "Params"]

Params = dict[str, jax.Array]


class Functional:
    """A module as a function of its values: `call(params, buffers, run)` gives it to `run`.

    Names are dotted paths, such as "image_head.1.weight", as torch's state dicts have them.
    """

    def __init__(self, module: nnx.Module) -> None:
        # Its type, with as many states as filters, is beyond the type checker.
        parts = cast(Any, nnx).split(module, nnx.Param, nnx.BatchStat, ...)
        self._graph, params, buffers, self._rest = parts
        self._params, self._buffers = params, buffers
        self.params: Params = _flat(params)
        self.buffers: Params = _flat(buffers)

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
        return run(
            nnx.merge(
                self._graph,
                _filled(self._params, params),
                _filled(self._buffers, buffers),
                self._rest,
            )
        )


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _flat(state: Any) -> Params:
    return {_name(path): variable[...] for path, variable in nnx.to_flat_state(state)}


def _filled(state: Any, values: Mapping[str, jax.Array]) -> Any:
    pairs = nnx.to_flat_state(state)
    return nnx.from_flat_state(
        [(path, variable.replace(values[_name(path)])) for path, variable in pairs]
    )
