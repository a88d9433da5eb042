"""Gradient caching: a contrastive batch of any size in the memory of one microbatch.

The gradient of a batch loss by an encoder's parameters is a sum over samples once the gradient by
the embeddings is known (GradCache: Gao et al. 2021, arXiv 2101.06983, section 3). So the batch is
encoded without residuals, the loss gives the gradient by every embedding, and each microbatch is
then encoded once more to take its rows of that gradient further.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import index
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp

from gcl_spec.errors import InputError, InputTypeError

__all__ = ["CachedStep", "cached_value_and_grad"]

_Parts: TypeAlias = dict[str | int, Any]


class CachedStep(Protocol):
    """The function that `cached_value_and_grad` returns."""

    def __call__(
        self, params: Any, inputs: Any, loss_params: Any, *, rng: jax.Array | None = None
    ) -> tuple[Any, tuple[Any, Any]]:
        """The value, and gradients by `params` and `loss_params`, in their structures and dtypes.

        Args:
            params: parameters of the encoder, a pytree of floating arrays.
            inputs: a pytree of arrays (B, ...).
            loss_params: parameters of the loss, a pytree of floating arrays.
            rng: a key of JAX, shape (), from which the microbatches' keys are made.
        """


def cached_value_and_grad(
    encode: Callable[..., Any],
    loss: Callable[..., Any],
    *,
    microbatch: int,
    has_aux: bool = False,
) -> CachedStep:
    """A function for loss and gradients of a batch in the memory of one microbatch.

    It is GradCache (Gao et al. 2021, arXiv 2101.06983), and equals `jax.value_and_grad` of
    `loss(loss_params, *encode(params, inputs))` by params and loss_params up to rounding, where
    `encode` treats samples one by one. It costs one further forward pass. With `microbatch` >= the
    batch size it is that plain function. Call it in `jax.jit`: uncompiled, its loops are traced
    anew in every call.

    With b = microbatch and k = B // b, microbatch n holds the samples n, n + k, n + 2k, ... below
    k b, and the last one the B - k b samples that are left. So a batch that is sharded over devices
    keeps every device at work on every microbatch (b should be a multiple of their number).

    Args:
        encode: `encode(params, slice of inputs)`, or `encode(params, slice of inputs, rng=key)`
            where the step is given `rng`; returns an array, or a tuple or mapping of arrays, each
            with the sample axis first, (b, ...). Integer and boolean arrays go on to the loss
            without gradient. It is traced up to four times.
        loss: `loss(loss_params, *embeddings)`, or `loss(loss_params, **embeddings)` where `encode`
            returns a mapping, on all B rows; returns a 0-d array.
        microbatch: samples to encode at a time; the last microbatch may have fewer.
        has_aux: `loss` returns (value, aux), and the step gives (value, aux) for the value.

    Returns:
        `step(params, inputs, loss_params, *, rng=None) -> (value, (grads, loss_grads))`. `inputs`
        is a pytree of arrays (B, ...); 0-d ones are handed on whole. `params` and `loss_params` are
        pytrees of floating arrays; gradients of 16-bit ones are summed in float32. The key of
        microbatch n is `fold_in(rng, n)`, in both passes.

    Raises:
        InputError: microbatch < 1. The step raises it for inputs whose batch sizes differ, outputs
            that have not one row a sample, and a loss that is not 0-d.
        InputTypeError: microbatch, an output or a parameter is of the wrong type.

    >>> from gcl_spec.loss import gcl_loss
    >>> def encode(params, batch):
    ...     return {name: x @ params for name, x in batch.items()}
    >>> def loss(log_scale, image, text):
    ...     return gcl_loss(image, text, log_scale=log_scale, xp=jnp)
    >>> step = jax.jit(cached_value_and_grad(encode, loss, microbatch=3))
    >>> batch = {"image": jnp.eye(4), "text": jnp.eye(4)}
    >>> value, (grads, dlog_scale) = step(jnp.eye(4), batch, jnp.asarray(0.0))
    >>> round(float(value), 4), grads.shape, dlog_scale.shape
    (1.6698, (4, 4), ())
    """
    try:
        width = index(microbatch)
    except TypeError as error:
        raise InputTypeError(f"microbatch is {microbatch!r}; wanted a whole number") from error
    if width < 1:
        raise InputError(f"microbatch is {width}; wanted at least 1 sample")

    def step(
        params: Any, inputs: Any, loss_params: Any, *, rng: jax.Array | None = None
    ) -> tuple[Any, tuple[Any, Any]]:
        _check_floating(params, "params")
        _check_floating(loss_params, "loss_params")
        cut = _Cut(_count_rows(inputs), width)
        encoder = _Encoder(encode, inputs, cut, rng)
        if cut.size <= width:
            return _plain(encoder, loss, params, loss_params, has_aux)
        embeddings = cut.join(*encoder.over_all(lambda n: encoder(params, n)))
        value, (cotangents, loss_grads) = _loss_and_grads(loss, loss_params, embeddings, has_aux)
        return value, (_pull_back(encoder, params, cotangents), loss_grads)

    return step


@dataclass(frozen=True)
class _Cut:
    """A batch cut into `loops` microbatches of `width` samples and one of the samples left."""

    size: int
    width: int

    @property
    def loops(self) -> int:
        return self.size // self.width

    @property
    def left(self) -> int:
        return self.size % self.width

    def rows(self, tree: Any, n: Any) -> Any:
        """The samples of microbatch n, which is traced, or `loops` for the last one."""
        return jax.tree.map(lambda x: self._rows(jnp.asarray(x), n), tree)

    def _rows(self, x: jax.Array, n: Any) -> jax.Array:
        if x.ndim == 0:
            return x
        full = self.loops * self.width
        if isinstance(n, int):
            return x[full:]
        # The sample axis stays outermost, and with it a sharding over devices.
        strided = x[:full].reshape(self.width, self.loops, *x.shape[1:])
        chosen: jax.Array = jax.lax.dynamic_index_in_dim(strided, n, axis=1, keepdims=False)
        return chosen

    def join(self, looped: Any, last: Any) -> Any:
        """Arrays (size, ...) in the inputs' order, from (loops, width, ...) and (left, ...)."""

        def one(x: jax.Array, *tail: jax.Array) -> jax.Array:
            whole = jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:])
            return jnp.concatenate([whole, *tail]) if tail else whole

        return jax.tree.map(one, looped, *([] if last is None else [last]))


@dataclass(frozen=True)
class _Encoder:
    encode: Callable[..., Any]
    inputs: Any
    cut: _Cut
    rng: jax.Array | None

    def __call__(self, params: Any, n: Any) -> _Parts:
        """The output for microbatch n by position or keyword."""
        chosen = self.cut.rows(self.inputs, n)
        size = self.cut.left if isinstance(n, int) else self.cut.width
        return self.run(params, chosen, n, size)

    def run(self, params: Any, chosen: Any, n: Any, size: int) -> _Parts:
        keys = {} if self.rng is None else {"rng": jax.random.fold_in(self.rng, n)}
        return _parts_of(self.encode(params, chosen, **keys), size)

    def over_all(self, function: Callable[[Any], Any]) -> tuple[Any, Any]:
        """The function of every looped microbatch, stacked, and of the last one or None."""
        looped = jax.lax.map(function, jnp.arange(self.cut.loops))
        return looped, function(self.cut.loops) if self.cut.left else None


def _plain(
    encoder: _Encoder, loss: Callable[..., Any], params: Any, loss_params: Any, has_aux: bool
) -> tuple[Any, tuple[Any, Any]]:
    whole = jax.tree.map(jnp.asarray, encoder.inputs)

    def composed(p: Any, q: Any) -> Any:
        return _apply(loss, q, encoder.run(p, whole, 0, encoder.cut.size), has_aux)

    value, grads = jax.value_and_grad(composed, (0, 1), has_aux=has_aux)(params, loss_params)
    return value, grads


def _loss_and_grads(
    loss: Callable[..., Any], loss_params: Any, embeddings: _Parts, has_aux: bool
) -> tuple[Any, tuple[_Parts, Any]]:
    fixed = {name: x for name, x in embeddings.items() if not _is_floating(x)}

    def by_floating(floating: _Parts, q: Any) -> Any:
        chosen = {name: fixed[name] if name in fixed else floating[name] for name in embeddings}
        return _apply(loss, q, chosen, has_aux)

    floating = {name: x for name, x in embeddings.items() if name not in fixed}
    value, grads = jax.value_and_grad(by_floating, (0, 1), has_aux=has_aux)(floating, loss_params)
    return value, grads


def _pull_back(encoder: _Encoder, params: Any, cotangents: _Parts) -> Any:
    """The sum over microbatches of the embeddings' gradients taken through the encoder."""

    def one(n: Any) -> Any:
        def floating(p: Any) -> _Parts:
            parts = encoder(p, n)
            return {name: parts[name] for name in cotangents}

        _, pull = jax.vjp(floating, params)
        (grads,) = pull(encoder.cut.rows(cotangents, n))
        return jax.tree.map(_widened, grads)

    def add(total: Any, n: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, one(n)), None

    start = jax.tree.map(lambda p: jnp.zeros_like(_widened(jnp.asarray(p))), params)
    total, _ = jax.lax.scan(add, start, jnp.arange(encoder.cut.loops))
    if encoder.cut.left:
        total, _ = add(total, encoder.cut.loops)
    return jax.tree.map(lambda g, p: g.astype(jnp.asarray(p).dtype), total, params)


def _widened(x: jax.Array) -> jax.Array:
    # A sum of hundreds of microbatches in 16 bits would lose the small ones.
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _apply(loss: Callable[..., Any], loss_params: Any, parts: _Parts, has_aux: bool) -> Any:
    positional = [x for name, x in parts.items() if isinstance(name, int)]
    keywords = {name: x for name, x in parts.items() if isinstance(name, str)}
    output = loss(loss_params, *positional, **keywords)
    value = output[0] if has_aux else output
    if jnp.shape(value) != ():
        raise InputError(
            f"loss returned shape {jnp.shape(value)}; wanted a scalar, (): take its mean or sum"
        )
    return output


def _parts_of(output: Any, size: int) -> _Parts:
    if isinstance(output, Mapping):
        parts: _Parts = dict(output)
    else:
        parts = dict(enumerate(output if isinstance(output, list | tuple) else [output]))
    for name, x in parts.items():
        if isinstance(output, Mapping) and not isinstance(name, str):
            raise InputTypeError(
                f"encode returned a mapping with the key {name!r}; the keys must be strings, since "
                "they are the loss's keywords"
            )
        if not isinstance(x, jax.Array):
            raise InputTypeError(
                f"encode returned a {type(x).__name__} as output {name!r}; wanted an array, or a "
                "tuple or dict of arrays"
            )
        if x.shape[:1] != (size,):
            raise InputError(
                f"encode returned output {name!r} of shape {x.shape} for {size} samples; it must "
                "return one row a sample, with the sample axis first (a learned scale goes into "
                "loss_params)"
            )
    return parts


def _count_rows(inputs: Any) -> int:
    shapes = [
        (f"inputs{jax.tree_util.keystr(path)}", jnp.shape(x))
        for path, x in jax.tree_util.tree_flatten_with_path(inputs)[0]
        if jnp.ndim(x) > 0
    ]
    if not shapes:
        raise InputError("inputs hold no array with a sample axis; wanted a pytree of (B, ...)")
    first, shape = shapes[0]
    for name, other in shapes:
        if other[0] != shape[0]:
            raise InputError(
                f"{name} has {other[0]} samples, {first} has {shape[0]}: the sample axis must come "
                "first and have one length in all inputs"
            )
    if shape[0] == 0:
        raise InputError(f"{first} has shape {shape}: the batch is empty")
    return int(shape[0])


def _check_floating(tree: Any, name: str) -> None:
    for path, x in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if not _is_floating(x):
            raise InputTypeError(
                f"{name}{jax.tree_util.keystr(path)} has dtype {jnp.result_type(x)}; wanted a "
                "floating one: close over what takes no gradient"
            )


def _is_floating(x: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(x), jnp.inexact))
