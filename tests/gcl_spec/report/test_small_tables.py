"""The tables of small vectors."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from gcl_spec.evaluate.small.curve import Curve, Measured
from gcl_spec.report.small_tables import curve_rows, meanings, pair_rows
from gcl_spec.report.tables import rich_table
from reports import report

BINARY = Measured("binary+bits", 64, 8, report([0.5, 0.25]), 41.25)
WHOLE = Measured("float32", 256, 1024, report([1.0, 0.5]))
CURVE = Curve(256, (BINARY, WHOLE))


def test_hits_stand_beside_what_is_lost() -> None:
    assert curve_rows(CURVE) == [
        ["form", "dims", "bytes", "global", "lost", "local", "lost", "rescored"],
        ["binary+bits", "64", "8", "37.5", "37.5", "37.5", "37.5", "41.2"],
        ["float32", "256", "1024", "75.0", "0.0", "75.0", "0.0", ""],
    ]
    more = replace(BINARY, report=report([1.0, 0.5 + 1e-9]))
    assert curve_rows(Curve(256, (more, WHOLE)))[1][4] == "0.0"


def test_every_pair_has_a_column() -> None:
    assert pair_rows(CURVE) == [
        [["form and dims", "T -> I"], ["binary+bits 64", "37.5"], ["float32 256", "75.0"]]
    ]


def test_nine_pairs_are_two_tables_of_eighty_columns() -> None:
    names = ("image", "text", "image+text")
    (one, _) = WHOLE.report.results[::-1]
    every = [replace(one, kind=f"{a}->{b}") for a in names for b in names]
    found = Curve(256, (replace(WHOLE, report=replace(WHOLE.report, results=tuple(every))),))
    tables = pair_rows(found)
    assert [len(rows[0]) for rows in tables] == [6, 5]
    for rows in tables:
        console = Console(file=StringIO(), width=80)
        console.print(rich_table(rows, "x"))
        assert console.file.getvalue().count("float32 256") == 1
        assert "IT -> I" in console.file.getvalue() or rows is tables[0]


def test_the_forms_are_explained() -> None:
    lines = list(meanings(CURVE))
    assert lines[0].startswith("binary+bits: the first 40 of binary")
    assert lines[1] == "float32: as the model gives them"
    assert lines[2].startswith("rescored: ")
    assert "by at most 0.0 points" in lines[3]
    assert len(list(meanings(Curve(256, (WHOLE,))))) == 2
