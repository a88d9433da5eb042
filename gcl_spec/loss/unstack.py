"""The arrays that lie along the first axis of another, in every framework."""

from array_api_compat import is_torch_namespace

from gcl_spec._typing import Array, ArrayNamespace

__all__ = ["unstack"]


def unstack(x: Array, xp: ArrayNamespace) -> tuple[Array, ...]:
    """The K arrays that `x` is the stack of, along its first axis.

    It is the function of that name of the Array API (2023.12), whose derivative is one stack; that
    of K subscripts is a sum of K arrays of the shape of `x`.

    Args:
        x: an array of shape (K, ...).
        xp: the Array API namespace of `x`.

    Returns:
        K arrays of shape (...).
    """
    # array_api_compat 1.16 makes torch's of moveaxis, for which torch.func.vmap has no rule.
    return tuple(xp.unbind(x)) if is_torch_namespace(xp) else tuple(xp.unstack(x))
