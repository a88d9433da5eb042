"""Projects the embeddings of a few pairs onto a plane, to look at how modalities lie in a space."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.evaluate.calibrations.rows import Encode
from gcl_spec.objective import in_order, name_parts, same_parts
from gcl_spec.tasks.task import Item, Task, answers

__all__ = ["Projection", "plane", "project"]

_PAIRS = 120


@dataclass(frozen=True, slots=True)
class Projection:
    """The first two principal components of the embeddings of P pairs, and of their parts.

    points: by modality P places (x, y); equal places in the lists belong to one pair.
    shares: the parts of the variance that x and y have, between 0 and 1.
    """

    points: Mapping[str, tuple[tuple[float, float], ...]]
    shares: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` gives the projection back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Projection":
        """The projection that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: the data is no projection.
        """
        points = {
            str(name): tuple((float(x), float(y)) for x, y in places)
            for name, places in dict(data["points"]).items()
        }
        x, y = data["shares"]
        numbers = (x, y, *(value for own in points.values() for place in own for value in place))
        counts = {*map(len, points.values())}
        if len(counts) != 1 or 0 in counts:
            raise ValueError("points must be as many for each modality, and one at least")
        if not all(map(isfinite, numbers)):
            raise ValueError("a number is not finite")
        return cls(points, (float(x), float(y)))


def project(encode: Encode, tasks: Sequence[Task], modalities: Sequence[str]) -> Projection | None:
    """The pairs of two modalities on the plane in which all their embeddings vary most.

    The pairs are queries of one modality, each with a candidate of another that is relevant to it,
    evenly spread over all of the tasks; the same at every call.

    Args:
        encode: makes unit rows (N, D) of N items.
        tasks: the tasks in which pairs are looked for.
        modalities: those of which the model gives embeddings; a pair's fused row is shown too.

    Returns:
        The projection; None where the tasks have no three pairs.
    """
    pairs = _pairs(tasks)
    if len(pairs) < 3:
        return None
    count = min(_PAIRS, len(pairs))
    chosen = [pairs[n * len(pairs) // count] for n in range(count)]
    names = in_order(item.modality for item in chosen[0])
    fused = same_parts(names, modalities)
    shown = names if fused is None else (*names, fused)
    items = [Item("", **_content(pair, name)) for name in shown for pair in chosen]
    places_ND, shares = plane(encode(items))
    by_name = places_ND.reshape(len(shown), len(chosen), 2).tolist()
    points = {name: tuple((x, y) for x, y in own) for name, own in zip(shown, by_name, strict=True)}
    return Projection(points, shares)


def plane(z_ND: FloatArray) -> tuple[FloatArray, tuple[float, float]]:
    """Principal components (Pearson, 1901): places (N, 2), and their shares of the variance.

    The signs are such that the largest weight of each component is positive, so that equal rows
    have equal places in every library.

    Args:
        z_ND: shape (N, D); with D = 1 all y are 0.

    >>> plane(np.asarray([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]))[0][:, 0].tolist()
    [-2.0, 0.0, 2.0]
    """
    centred_ND = np.asarray(z_ND, np.float64) - np.mean(z_ND, axis=0, dtype=np.float64)
    _, values, axes_KD = np.linalg.svd(centred_ND, full_matrices=False)
    two_2D, squares_2 = np.zeros((2, centred_ND.shape[1])), np.zeros(2)
    two_2D[: len(axes_KD)], squares_2[: len(values)] = axes_KD[:2], values[:2] ** 2
    signs_2 = np.sign(two_2D[np.arange(2), np.argmax(np.abs(two_2D), axis=1)])
    x, y = (squares_2 / (float((values**2).sum()) or 1.0)).tolist()
    return centred_ND @ (two_2D * signs_2[:, None]).T, (x, y)


def _pairs(tasks: Sequence[Task]) -> list[tuple[Item, Item]]:
    """Each query with its first relevant candidate, of the first kind between two given ones."""
    pairs: dict[tuple[str, ...], dict[frozenset[Any], tuple[Item, Item]]] = {}
    for task in tasks:
        sides = task.kind.split("->")
        if len(sides) != 2 or sides[0] == sides[1] or any(len(name_parts(n)) > 1 for n in sides):
            continue
        own = pairs.setdefault(in_order(sides), {})
        firsts: dict[str, tuple[Item, Item]] = {}
        for query, right in answers(task):
            firsts.setdefault(query.id, (query, right))
        for query, right in firsts.values():
            own.setdefault(frozenset((query.content, right.content)), (query, right))
    return list(max(pairs.values(), key=len, default={}).values())


def _content(pair: tuple[Item, Item], name: str) -> dict[str, str]:
    given = {part: text for item in pair for part, text in item.content}
    return {part: given[part] for part in name_parts(name)}
