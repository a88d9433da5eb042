"""Texts of others are shown by escapes: in errors, progress, tables and the report."""

import io
import pickle

import pytest
from rich.console import Console

from gcl_spec import errors
from gcl_spec._words import escaped
from gcl_spec.progress import open_progress
from gcl_spec.report.pieces import item_card
from gcl_spec.report.tables import rich_table
from gcl_spec.tasks.task import Item

HOSTILE = "a\x1b[2J\x1b]0;title\x07\r\nb\u202egnp.exe\u2028\x9b1m\udce9\ud800"
SHOWN = r"a\x1b[2J\x1b]0;title\x07\r\nb\u202egnp.exe\u2028\x9b1m\xe9\ud800"


@pytest.mark.parametrize(
    "text", ["Ärger 日本\u3000語 \u00a0x", "می\u200cخواهم", "👩\u200d🚀", r"a\nb"]
)
def test_writing_of_all_people_stays(text: str) -> None:
    assert escaped(text) == text


def test_what_a_terminal_acts_on_is_escaped_once() -> None:
    assert escaped(HOSTILE) == SHOWN
    assert escaped(SHOWN) == SHOWN


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_one_line(name: str) -> None:
    kind = getattr(errors, name)
    error = kind(HOSTILE, resumable=True) if name == "StoppedError" else kind(HOSTILE)
    assert str(error) == SHOWN
    if name != "StoppedError":
        assert str(pickle.loads(pickle.dumps(error))) == SHOWN


def test_a_long_message_loses_its_middle() -> None:
    said = str(errors.DataError(f"begin {'x' * 1_000_000} end"))
    assert len(said) < 4000
    assert said.startswith("begin x")
    assert said.endswith("x end")
    assert "(996510 characters)" in said


def test_progress_tables_and_report(capsys: pytest.CaptureFixture[str]) -> None:
    with open_progress() as reporter:
        reporter.say(f"warning: {HOSTILE}")
        reporter.update("training", 1, 1, HOSTILE)
    said = capsys.readouterr().err
    assert said.count(SHOWN) == 2
    assert said.count("\n") == 2
    console = Console(file=io.StringIO(), width=200)
    console.print(rich_table([["search", HOSTILE], [HOSTILE, "[red]1"]], HOSTILE))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown.count(SHOWN) == 3
    assert "[red]1" in shown
    assert SHOWN in item_card(Item("q", text=HOSTILE), lambda path: b"")
