"""index.json of an index: the model of its rows, their widths, and where its items came from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import parse_json, read_regular, reason
from gcl_spec.embed.maker import Maker
from gcl_spec.errors import DataError
from gcl_spec.index.coding import CODES, BitCoding, Codes, Coding, Int8Coding

__all__ = [
    "ABOUT",
    "TABLE",
    "About",
    "Origin",
    "form_of",
    "read_about",
    "side_by_side",
    "write_about",
]

ABOUT, TABLE = "index.json", "items"
_FORMAT, _CODED, _FAMILY = "gcl-spec/index-1", "gcl-spec/index-2", "gcl-spec/index-"
"""Codes have a format of their own, so that older versions do not take them for rows."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A place that items came from; the pictures of its rows are read there.

    kind: "pictures", a folder of them; "train", in a layout of training data; "tasks", candidates
        of retrieval tasks; or "files", pictures by their own paths.
    path: of the folder or data, "" for files.
    options: further ones of the data, as JSON text.
    prefix: stands before each id.
    """

    kind: str
    path: str = ""
    options: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What an index is, beside its rows.

    maker: the model; its `dtype` is that of the stored vectors, its `size` the items of a commit.
    width: of a vector.
    calibrations: the calibrations whose rows are stored, too: name and SHA-256 of the state, and
        the width of the rows, by name.
    run: the path of the run when the index was made.
    origins: places that items came from; a row has the number of its own.
    trained: the rows from which the partitions of approximate searches were made, by column.
    codes: what is stored in place of rows; None: rows of the maker's dtype.
    ranges: those of each column of int8 codes: the smallest numbers, and the largest.
    """

    maker: Maker
    width: int
    run: str
    calibrations: Mapping[str, tuple[str, int]]
    origins: tuple[Origin, ...] = ()
    trained: Mapping[str, int] = field(default_factory=dict)
    codes: Codes | None = None
    ranges: Mapping[str, tuple[list[float], list[float]]] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """The dtype of the vectors or codes that are searched."""
        return self.codes.form if self.codes else self.maker.dtype

    @property
    def form(self) -> str:
        """What is stored, as the options of `gcl index` say it."""
        return form_of(self.dtype, self.codes.rescore if self.codes else "")

    def codings(self) -> dict[str, Coding]:
        """The coding of each column, by its name; empty where rows are stored."""
        if self.codes is None:
            return {}
        return {name: self._coding(name, width) for name, width in self.columns().values()}

    def _coding(self, column: str, width: int) -> Coding:
        if self.codes is not None and self.codes.form == "binary":
            return BitCoding(width)
        return Int8Coding(np.asarray(self.ranges[column], np.float32))

    def columns(self) -> dict[str, tuple[str, int]]:
        """The column of the table and the width of the vectors, by calibration, "" for none."""
        by_calibration = {"": ("vector", self.width)}
        for number, (name, (_, width)) in enumerate(self.calibrations.items(), 1):
            by_calibration[name] = f"vector_{number}", width
        return by_calibration

    def number_of(self, origin: Origin) -> int | None:
        """The number of an origin; None where the index has no items of it."""
        return self.origins.index(origin) if origin in self.origins else None

    def with_origin(self, origin: Origin) -> "About":
        """The same `About` with a further origin."""
        return replace(self, origins=(*self.origins, origin))

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        coded: dict[str, Any] = {}
        if self.codes is not None:
            coded = {"codes": list(self.codes), "ranges": dict(self.ranges)}
        return {
            "format": _CODED if coded else _FORMAT,
            "maker": self.maker.to_json(),
            "metric": "dot",
            "width": self.width,
            "calibrations": {name: list(x) for name, x in self.calibrations.items()},
            "run": self.run,
            "origins": [[x.kind, x.path, x.options, x.prefix] for x in self.origins],
            "trained": dict(self.trained),
            **coded,
        }


def write_about(folder: Path, about: About) -> None:
    """Write index.json, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    content = (json.dumps(about.to_json(), indent=1) + "\n").encode()
    with atomic_write(folder / ABOUT, size=len(content)) as file:
        file.write(content)


def read_about(folder: Path) -> About:
    """What an index is.

    Raises:
        DataError: there is no index, it is of another version's format, or damaged.
    """
    path = folder / ABOUT
    try:
        record = parse_json(read_regular(path))
        _check_format(folder, record)
        about = About(
            maker=Maker.from_json(record["maker"]),
            width=int(record["width"]),
            run=str(record["run"]),
            calibrations={str(k): (str(x), int(n)) for k, (x, n) in record["calibrations"].items()},
            origins=tuple(Origin(*map(str, x)) for x in record["origins"]),
            trained={str(k): int(n) for k, n in record.get("trained", {}).items()},
            **_coded(record),
        )
        about.codings()
        return about
    except FileNotFoundError:
        raise DataError(
            f"{folder} is no index (no {ABOUT}); make one: gcl index RUN DATA --out {folder}"
        ) from None
    except DataError:
        raise
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot read it: {reason(error)}; make the index again") from error


def form_of(dtype: str, rescore: str) -> str:
    """The options of `gcl index` that give this form.

    >>> form_of("int8", "float16")
    '--dtype int8 --rescore float16'
    """
    return f"--dtype {dtype}" + (f" --rescore {rescore}" if rescore else "")


def _coded(record: Any) -> dict[str, Any]:
    """The codes and ranges of an index of codes."""
    if record["format"] != _CODED:
        return {}
    codes = Codes(*map(str, record["codes"]))
    if codes.form not in CODES or codes.rescore not in ("", "float32", "float16"):
        raise ValueError(f"no codes {codes.form!r:.40}")
    ranges = {
        str(k): (_numbers(low), _numbers(high)) for k, (low, high) in record["ranges"].items()
    }
    return {"codes": codes, "ranges": ranges}


def _numbers(values: Any) -> list[float]:
    return [float(x) for x in values]


def _check_format(folder: Path, record: Any) -> None:
    format_name = str(record.get("format"))
    if format_name in (_FORMAT, _CODED):
        return
    if not format_name.startswith(_FAMILY):
        raise DataError(f"{folder} is no index: the format of its {ABOUT} is {format_name!r:.60}")
    raise DataError(
        f"{folder} is an index of another version (format {format_name!r:.60}, this version reads "
        f"{_FORMAT!r} and {_CODED!r}); make it again: gcl index RUN DATA --out ANOTHER"
    )


def side_by_side(widths: Sequence[int]) -> list[slice]:
    """The places of rows of these widths that stand side by side.

    >>> side_by_side([3, 4])
    [slice(0, 3, None), slice(3, 7, None)]
    """
    places, start = [], 0
    for width in widths:
        places.append(slice(start, start + width))
        start += width
    return places
