"""Evaluates a model with its candidates in smaller forms: hits by the bytes of a vector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.calibrations.known import Chain
from gcl_spec.evaluate.calibrations.rows import Encode
from gcl_spec.evaluate.evaluation import Report, measured
from gcl_spec.evaluate.searched import Searched, searched
from gcl_spec.evaluate.small.forms import FORMS, Form
from gcl_spec.search.bit_scores import RescoredScores
from gcl_spec.search.quantise import cut
from gcl_spec.tasks.task import Task

__all__ = ["METRIC", "Curve", "Measured", "check_dims", "curve"]

METRIC = "hit@10"


@dataclass(frozen=True, slots=True)
class Measured:
    """The evaluation of one form.

    form: its name. dims: the numbers of a row. bytes: those of a stored row. report: hit@10 of all
    tasks in both pools. rescored: how many candidates of a query of the global pool
    were looked at again, the mean over the queries; None where there is no second look.
    """

    form: str
    dims: int
    bytes: int
    report: Report
    rescored: float | None = None

    @property
    def searches(self) -> frozenset[tuple[str, str]]:
        """The kinds of search and the pools that were measured."""
        return frozenset((one.kind, one.pool) for one in self.report.results)

    def hits(self, pool: str) -> dict[str, float]:
        """The mean expected hit@10 in a pool by kind of search, and their "average"."""
        kinds = {kind: self.report.value(kind, pool, METRIC) for kind in self.report.kinds()}
        return {"average": self.report.average(pool, METRIC), **kinds}

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {
            "form": self.form,
            "dims": self.dims,
            "bytes": self.bytes,
            "rescored": self.rescored,
            METRIC: {pool: self.hits(pool) for pool in ("global", "local")},
            "results": self.report.to_json()["results"],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Measured":
        """The numbers that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError, AttributeError, DataError: the data is none of that.
        """
        point = cls(
            FORMS[data["form"]].name,
            int(data["dims"]),
            int(data["bytes"]),
            Report.from_json({"results": data["results"], "geometry": {}}, (METRIC,)),
            None if data["rescored"] is None else float(data["rescored"]),
        )
        shares = [one.value(METRIC) for one in point.report.results]
        if point.dims < 1 or point.bytes < 1 or not all(0 <= x <= 1 + 1e-9 for x in shares):
            raise ValueError(f"the numbers of {point.form} with {point.dims} dims")
        return point


@dataclass(frozen=True, slots=True)
class Curve:
    """The evaluations of all forms, in the order of their bytes.

    width: the numbers of a whole row.
    origin: where it comes from, such as the data and the step of the model.
    """

    width: int
    measured: tuple[Measured, ...]
    origin: tuple[tuple[str, str], ...] = ()

    @property
    def reference(self) -> Measured:
        """Whole rows in float32, with which the others are compared."""
        return next(x for x in self.measured if (x.form, x.dims) == ("float32", self.width))

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` gives the curve back."""
        measured = [one.to_json() for one in self.measured]
        return {"width": self.width, "origin": dict(self.origin), "measured": measured}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Curve":
        """The curve that `to_json` wrote.

        Raises:
            DataError: the data is no curve.
        """
        try:
            origin = tuple((str(name), str(value)) for name, value in data["origin"].items())
            measured = tuple(map(Measured.from_json, data["measured"]))
            saved_curve = cls(int(data["width"]), measured, origin)
            if len({one.searches for one in measured}) > 1:
                raise ValueError("the searches of its forms differ")
            if {pool for _, pool in saved_curve.reference.searches} != {"global", "local"}:
                raise ValueError("there are not two pools")
        except (DataError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"not a curve of gcl eval: {error!r}") from error
        except StopIteration:
            raise DataError("not a curve of gcl eval: it has no whole rows in float32") from None
        return saved_curve


def curve(
    encode: Encode,
    tasks: Sequence[Task],
    calibration: Chain | None = None,
    *,
    forms: Sequence[str] = (),
    dims: Sequence[int] = (),
) -> Curve:
    """Evaluate rows in float32 and other forms, cut to every width and whole.

    The same searches are made as in `gcl_spec.evaluate.evaluation.evaluate`, with the same rules.

    Args:
        encode: makes unit rows (N, D) float32 of N items.
        tasks: one task at least.
        calibration: what is made of the rows before they are cut and stored.
        forms: names in `gcl_spec.evaluate.small.forms.FORMS` beside float32.
        dims: to how many numbers rows are cut.

    Raises:
        InputError: a width that rows cannot be cut to, or a calibration that appends numbers.
        DataError: there is no task.
    """
    names = dict.fromkeys(("float32", *forms))
    if calibration is not None and calibration.appended:
        raise InputError(
            f"the calibration {calibration.name!r} appends numbers to rows, which smaller forms "
            "do not hold; take one that does not, such as cfu or mean"
        )
    check_dims(dims, names)
    if dims and tasks:  # of all items it might take hours to learn how wide rows are
        width = encode(tasks[0].candidates[:1]).shape[1]
        if max(dims) > width:
            raise InputError(
                f"rows of {width} numbers cannot be cut to {max(dims)}; take fewer dims"
            )
    encoded_items = searched(encode, tasks, calibration)
    width = encoded_items.rows_ND.shape[1]
    sizes = sorted({width, *dims}, reverse=True)
    every = [_measured(encoded_items, FORMS[name], size) for size in sizes for name in names]
    return Curve(width, tuple(sorted(every, key=lambda one: one.bytes)))


def check_dims(dims: Sequence[int], forms: Sequence[str] | dict[str, None]) -> None:
    """Refuse widths that no row has, and those whose bits fill no whole bytes.

    Args:
        dims: the widths.
        forms: names of forms.

    Raises:
        InputError: there is one.
    """
    bits = [name for name in forms if FORMS[name].bits]
    for size in dims:
        if size < 1:
            raise InputError(f"{size} dims; a row has 1 number at least")
        if bits and size % 8:
            raise InputError(f"{size} dims are no whole bytes as {bits[0]}; take a multiple of 8")


def _measured(encoded_items: Searched, form: Form, size: int) -> Measured:
    stored = form.store(cut(encoded_items.rows_ND, size), encoded_items.pool_C)
    results, looked_at = [], []
    for search in encoded_items.searches:
        scores = stored.scores(cut(search.queries_QD, size), search.rows_C)
        results.append(measured(search, scores, metrics=(METRIC,)))
        if isinstance(scores, RescoredScores) and search.pool == "global":
            looked_at.append(scores.looked_at_Q)
    rescored = float(np.mean(np.concatenate(looked_at))) if looked_at else None
    report = Report(tuple(results), {})
    return Measured(form.name, size, form.bytes_of(size), report, rescored)
