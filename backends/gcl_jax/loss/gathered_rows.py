"""One contrastive batch spread over a mesh axis: gathered rows, and one value on all devices.

Both are for functions inside `jax.shard_map`; without a mesh axis they change nothing.
"""

from typing import Any

import jax

__all__ = ["gathered", "one_value"]


def gathered(tree: Any, axis_name: str | None) -> Any:
    """A tree with the samples of all devices in each array, (B, ...).

    What has no samples, such as one weight for all, stays as it is.
    """
    if axis_name is None:
        return tree

    def gather(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.ndim == 0:
            return x
        return jax.lax.all_gather(x, axis_name, tiled=True)

    return jax.tree.map(gather, tree)


def one_value(tree: Any, axis_name: str | None) -> Any:
    """Numbers that all devices computed alike from gathered rows, as numbers of the whole mesh.

    They are the devices' mean, so that every device has its part of the gradient.
    """
    if axis_name is None:
        return tree
    return jax.tree.map(lambda x: jax.lax.pmean(x, axis_name), tree)  # type: ignore[no-untyped-call]
