"""What a sweep has found: hits, and the modalities of the first candidates, by composition."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isnan, nan
from typing import Any

from gcl_spec.errors import DataError
from gcl_spec.evaluate.sweeps.compositions import Composition

__all__ = ["Measured", "Sweep"]

Band3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """The pools of one composition; queries of a modality without any there have no entry.

    counts: how many concepts stand as each modality.
    draws: how many pools were drawn.
    hit: by the queries' modality, the mean of hit@K as (pessimistic, expected, optimistic).
    top: by the queries' modality, the share of each modality among the first K.
    asked: by the queries' modality, how many were asked in any draw.
    per_query: the expected hit@K of each query over the draws in which it was asked, or None.
    """

    composition: Composition
    counts: tuple[int, ...]
    draws: int
    hit: Mapping[str, Band3]
    top: Mapping[str, tuple[float, ...]]
    asked: Mapping[str, int]
    per_query: tuple[float | None, ...]

    @property
    def name(self) -> str:
        """The shares in percent, such as "70:20:10"."""
        return self.composition.name

    @property
    def band(self) -> Band3:
        """The mean of hit@K over the modalities of the queries; NaN where none is asked."""
        if not self.hit:
            return nan, nan, nan
        low, expected, high = _means(self.hit.values())
        return low, expected, high

    @property
    def value(self) -> float:
        """The expected hit@K."""
        return self.band[1]

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each modality among the first K, the mean over the queries' modalities."""
        if not self.top:
            return (nan,) * len(self.counts)
        return _means(self.top.values())

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` gives it back."""
        hit = None if isnan(self.value) else list(self.band)
        shares = [*self.shares] if self.top else None
        return {
            "composition": self.name,
            "weights": list(self.composition.weights),
            "counts": list(self.counts),
            "draws": self.draws,
            "hit@10": hit,
            "top 10": shares,
            "by query": {
                name: {
                    "queries": count,
                    "hit@10": list(self.hit[name]) if name in self.hit else None,
                    "top 10": list(self.top[name]) if name in self.top else None,
                }
                for name, count in self.asked.items()
            },
            "per_query": list(self.per_query),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Measured":
        """What `to_json` wrote; errors as those of `Sweep.from_json`."""
        by_query = data["by query"]
        return cls(
            Composition(tuple(map(int, data["weights"]))),
            tuple(map(int, data["counts"])),
            int(data["draws"]),
            {name: _band(x["hit@10"]) for name, x in by_query.items() if x["hit@10"] is not None},
            {
                name: tuple(map(float, x["top 10"]))
                for name, x in by_query.items()
                if x["top 10"] is not None
            },
            {name: int(x["queries"]) for name, x in by_query.items()},
            tuple(None if x is None else float(x) for x in data["per_query"]),
        )


@dataclass(frozen=True, slots=True)
class Sweep:
    """All compositions of one set of concepts.

    modalities: in the order of all shares.
    concepts: how many stand in each pool.
    queries: the id and modality of each query.
    notes: lines on what is not asked.
    origin: where it comes from, such as the data and the step of the model.
    """

    modalities: tuple[str, ...]
    concepts: int
    seed: int
    queries: tuple[tuple[str, str], ...]
    measured: tuple[Measured, ...]
    notes: tuple[str, ...] = ()
    origin: tuple[tuple[str, str], ...] = ()

    @property
    def worst(self) -> Measured:
        """The composition with the least expected hit@K, the first of equal ones."""
        return self._first(min)

    @property
    def best(self) -> Measured:
        """The composition with the largest expected hit@K, the first of equal ones."""
        return self._first(max)

    @property
    def spread(self) -> float:
        """How far the best composition is from the worst one."""
        return self.best.value - self.worst.value

    def _first(self, choose: Callable[..., Measured]) -> Measured:
        known = [one for one in self.measured if not isnan(one.value)]
        return choose(known, key=lambda one: one.value)

    def check(self) -> None:
        """Raise a `ValueError` where numbers do not fit together, or nothing was measured."""
        if all(isnan(one.value) for one in self.measured):
            raise ValueError("no query was asked")
        for one in self.measured:
            numbers = [*one.top.values(), *one.hit.values(), [x or 0.0 for x in one.per_query]]
            wide = any(not 0 <= x <= 1 + 1e-9 for values in numbers for x in values)
            lengths = {len(self.modalities), len(one.counts), *map(len, one.top.values())}
            if wide or len(lengths) > 1 or len(one.per_query) != len(self.queries):
                raise ValueError(f"the numbers of {one.name}")

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` gives the sweep back."""
        extremes = {
            name: {"composition": one.name, "hit@10": list(one.band)}
            for name, one in (("worst", self.worst), ("best", self.best))
        }
        return {
            "modalities": list(self.modalities),
            "concepts": self.concepts,
            "seed": self.seed,
            "origin": dict(self.origin),
            "notes": list(self.notes),
            **extremes,
            "spread": self.spread,
            "queries": [{"id": id, "modality": modality} for id, modality in self.queries],
            "measured": [one.to_json() for one in self.measured],
        }

    @classmethod
    def from_json(cls, data: Any) -> "Sweep":
        """The sweep that `to_json` wrote.

        Raises:
            DataError: the data is none.
        """
        try:
            sweep = cls(
                tuple(map(str, data["modalities"])),
                int(data["concepts"]),
                int(data["seed"]),
                tuple((str(x["id"]), str(x["modality"])) for x in data["queries"]),
                tuple(Measured.from_json(one) for one in data["measured"]),
                tuple(map(str, data["notes"])),
                tuple((str(a), str(b)) for a, b in data["origin"].items()),
            )
            sweep.check()
        except (ArithmeticError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"not a sweep of gcl eval --sweep: {error!r:.200}") from error
        return sweep


def _means(rows: Collection[Sequence[float]]) -> tuple[float, ...]:
    return tuple(fsum(column) / len(rows) for column in zip(*rows, strict=True))


def _band(values: Any) -> Band3:
    low, expected, high = map(float, values)
    return low, expected, high
