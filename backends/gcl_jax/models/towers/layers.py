"""Layers in flax.nnx with torch's parameter names and layouts, so that a checkpoint fits both.

Parameters are zeros until a checkpoint is loaded into them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from gcl_spec.errors import ConfigError, DataError

__all__ = [
    "Activation",
    "BatchNorm2d",
    "Conv2d",
    "Embedding",
    "LayerNorm",
    "Linear",
    "activation",
    "attend",
    "dropped",
    "load_weights",
    "recomputed",
]

_LOWEST = float(np.finfo(np.float32).min)  # a row of -inf would be NaN
_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_new": jax.nn.gelu,
    "gelu_pytorch_tanh": jax.nn.gelu,
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "silu": jax.nn.silu,
}


def activation(name: str) -> Callable[[jax.Array], jax.Array]:
    """The activation that transformers calls by this name; a `ConfigError` for an unknown one."""
    if name not in _ACTIVATIONS:
        raise ConfigError(f"hidden_act = {name!r}; JAX towers know {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


class Activation(nnx.Module):
    """An activation that has a place in a list of layers."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, x: jax.Array) -> jax.Array:
        """The activation of each element, of the shape of `x`."""
        return activation(self.name)(x)


class Linear(nnx.Module):
    """A layer from (..., inputs) to (..., outputs), whose weight is (outputs, inputs)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        self.weight = _zeros(outputs, inputs)
        self.bias = _zeros(outputs) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """The result x W^T + b, of shape (..., outputs)."""
        y: jax.Array = x @ self.weight[...].T
        return y if self.bias is None else y + self.bias[...]


def side_by_side(x: jax.Array, layers: Sequence[Linear]) -> list[jax.Array]:
    """The results of several layers with biases for one input, by one product of matrices.

    Args:
        x: the input, (..., inputs).
        layers: layers with as many outputs each.

    Returns:
        The results, (..., outputs) each.
    """
    weight = jnp.concatenate([layer.weight[...] for layer in layers])
    bias = jnp.concatenate([layer.bias[...] for layer in layers if layer.bias is not None])
    return jnp.split(x @ weight.T + bias, len(layers), axis=-1)


class LayerNorm(nnx.Module):
    """Standardises the last axis (Ba et al., arXiv 1607.06450), in float32 for every input."""

    def __init__(self, width: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        self.eps = eps
        self.weight = _zeros(width) if affine else None
        self.bias = _zeros(width) if affine else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """The standardised input, of its shape and dtype."""
        wide = x.astype(jnp.float32)
        wide = wide - jnp.mean(wide, axis=-1, keepdims=True)
        y = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + self.eps)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight[...] + self.bias[...]
        return y.astype(x.dtype)


class Embedding(nnx.Module):
    """A table that gives rows of its weight (count, width) for numbers."""

    def __init__(self, count: int, width: int) -> None:
        self.weight = _zeros(count, width)

    def __call__(self, numbers: jax.Array) -> jax.Array:
        """The rows (..., width) of integers (...)."""
        return jnp.take(self.weight[...], numbers, axis=0)


class Conv2d(nnx.Module):
    """A convolution from (B, H, W, C) to (B, H', W', out), whose weight is OIHW as in torch.

    Padding is "VALID" or TensorFlow's "SAME".
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        padding: str = "SAME",
    ) -> None:
        self.weight = _zeros(out, channels // groups, kernel, kernel)
        self.bias = _zeros(out) if bias else None
        self.stride, self.groups, self.padding = stride, groups, padding

    def __call__(self, x: jax.Array) -> jax.Array:
        """The cross-correlation with the weight, (B, H', W', out)."""
        weight = self.weight[...].astype(x.dtype)
        if self.groups == weight.shape[0] == x.shape[3] and self.padding == "SAME":
            y = _depthwise(x, weight, self.stride)
            return y if self.bias is None else y + self.bias[...].astype(x.dtype)
        y = jax.lax.conv_general_dilated(
            x,
            weight,
            (self.stride, self.stride),
            self.padding,
            dimension_numbers=("NHWC", "OIHW", "NHWC"),
            feature_group_count=self.groups,
        )
        return y if self.bias is None else y + self.bias[...].astype(x.dtype)


def _depthwise(x_BHWC: jax.Array, weight_C1KK: jax.Array, stride: int) -> jax.Array:
    """A convolution of every channel by itself, as a sum over the kernel's places.

    XLA's own convolution takes ten times as long on a CPU (`benchmarks/depthwise.py`).
    """
    kernel, (size, *sides, channels) = weight_C1KK.shape[-1], x_BHWC.shape
    outputs = [-(-side // stride) for side in sides]
    missing = [
        max((n - 1) * stride + kernel - side, 0) for n, side in zip(outputs, sides, strict=True)
    ]
    x = jnp.pad(x_BHWC, ((0, 0), *((n // 2, n - n // 2) for n in missing), (0, 0)))
    total = jnp.zeros((size, *outputs, channels), x.dtype)
    for i in range(kernel):
        for j in range(kernel):
            last = [at + (n - 1) * stride + 1 for at, n in zip((i, j), outputs, strict=True)]
            part = jax.lax.slice(x, (0, i, j, 0), (size, *last, channels), (1, stride, stride, 1))
            total = total + part * weight_C1KK[:, 0, i, j]
    return total


class BatchNorm2d(nnx.Module):
    """Standardises channels, the last axis, by stored statistics, which nothing changes."""

    def __init__(self, channels: int, *, eps: float = 1e-5) -> None:
        self.eps = eps
        self.weight, self.bias = _zeros(channels), _zeros(channels)
        self.running_mean = nnx.BatchStat(jnp.zeros(channels, jnp.float32))
        self.running_var = nnx.BatchStat(jnp.ones(channels, jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """The standardised input, of its shape and dtype."""
        factor = self.weight[...] * jax.lax.rsqrt(self.running_var[...] + self.eps)
        offset = self.bias[...] - self.running_mean[...] * factor
        return x * factor.astype(x.dtype) + offset.astype(x.dtype)


def attend(
    q_BLD: jax.Array,
    k_BLD: jax.Array,
    v_BLD: jax.Array,
    heads: int,
    mask: jax.Array | None,
    drop: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """Scaled dot-product attention, softmax(q k^T / sqrt(D / heads)) v (arXiv 1706.03762, eq. 1).

    Args:
        q_BLD, k_BLD, v_BLD: queries, keys and values, (B, L, D) each.
        heads: the number of heads, into which D is cut.
        mask: booleans that broadcast to (B, heads, L, L); false takes a key from a query.
        drop: leaves some of the shares (B, heads, L, L) out.

    Returns:
        Shape (B, L, D).
    """
    size, length, width = q_BLD.shape
    q, k, v = (x.reshape(size, x.shape[1], heads, width // heads) for x in (q_BLD, k_BLD, v_BLD))
    scores = jnp.einsum("blhd,bmhd->bhlm", q, k) * (width // heads) ** -0.5
    scores = scores.astype(jnp.float32)
    if mask is not None:
        scores = jnp.where(mask, scores, _LOWEST)
    shares = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
    shares = shares if drop is None else drop(shares)
    return jnp.einsum("bhlm,bmhd->blhd", shares, v).reshape(size, length, width)


def dropped(x: jax.Array, *, rate: float, key: jax.Array | None) -> jax.Array:
    """Dropout (Srivastava et al. 2014): some elements become 0, and the others larger in turn.

    Args:
        x: any shape.
        rate: the share that is left out.
        key: shape (); it draws them, and without it all are kept.

    Returns:
        The shape of `x`.
    """
    if key is None or not rate:
        return x
    kept = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), jnp.zeros_like(x))


def recomputed(layer: Callable[..., Any], on: bool) -> Callable[..., Any]:
    """A layer whose activations, if `on`, are computed again in backward instead of kept."""
    return jax.checkpoint(lambda *x: layer(*x)) if on else layer


def load_weights(
    module: nnx.Module,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    *,
    where: str,
    unused: Sequence[str] = (),
) -> None:
    """Fill a module's parameters and statistics by their dotted names.

    Args:
        module: the module.
        arrays: values by name, of the shapes of the module.
        where: the file, for errors.
        unused: beginnings of names in `arrays` for which the module has no place.

    Raises:
        DataError: a name is missing or too many, or a shape is another.
    """
    left = {name for name in arrays if not name.startswith(tuple(unused))}
    for kind in (nnx.Param, nnx.BatchStat):
        for path, variable in nnx.to_flat_state(nnx.state(module, kind)):
            name = ".".join(map(str, path))
            if name not in arrays:
                raise DataError(f"{where}: no weight {name!r}; are the files complete?")
            value, wanted = arrays[name], variable[...].shape
            if value.shape != wanted:
                raise DataError(f"{where}: {name!r} has shape {value.shape}, not {wanted}")
            _variable(module, path)[...] = jnp.asarray(value, jnp.float32)
            left.discard(name)
    if left:
        raise DataError(f"{where}: {min(left)!r} is no weight of a {type(module).__name__}")


def _variable(module: Any, path: Sequence[Any]) -> Any:
    for part in path:
        module = module[part] if isinstance(part, int) else getattr(module, part)
    return module


def _zeros(*shape: int) -> nnx.Param[jax.Array]:
    # JAX would compile a program for each shape of its own zeros.
    return nnx.Param(jnp.asarray(np.zeros(shape, np.float32)))
