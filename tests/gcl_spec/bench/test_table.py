"""Outcomes as lines of a table: numbers, failures with their reason, notes."""

from gcl_spec.bench.measure import Case
from gcl_spec.bench.suite import Described, Outcome, Settings
from gcl_spec.bench.table import notes, progress_line, rows, title

ABOUT = {"about": "the direct loss", "computes": "", "missing": ""}
FAKE = Described("fake", "1.2", "cpu", {"plain": ABOUT, "peer": {**ABOUT, "computes": "clip"}})
SETTINGS = Settings(batches=(4,), width=3, threads=2)


def outcome(candidate: str, error: str = "", **found: object) -> Outcome:
    case = Case("fake", candidate, 4, 3, "float32", None, 2, 1, "gcl")
    measured = {"ms": 1234.5, "products": 2.5, "product_ms": [0.5], "peak_mb": None}
    return Outcome(case, {} if error else {**measured, "compile_s": None, **found}, error)


def test_rows_of_measurements_and_failures() -> None:
    long = "no room " * 30
    found = rows(
        SETTINGS,
        FAKE,
        [outcome("plain"), outcome("peer", peak_mb=5678.9, compile_s=1.25), outcome("x", long)],
    )
    assert found[1:4] == [
        ["one product", "4", "0.5", "1.00", "", ""],
        ["plain", "4", "1,234", "2.50", "-", "gcl"],
        ["peer", "4", "1,234", "2.50", "5,679", "clip, compiled in 1.2 s"],
    ]
    assert found[4][:5] == ["x", "4", "-", "-", "-"]
    assert found[4][5].startswith("failed: no room")
    assert found[4][5].endswith("...")
    assert len(found[4][5]) < 100


def test_a_table_without_a_measurement_has_no_product() -> None:
    found = rows(SETTINGS, FAKE, [outcome("plain", "broken")])
    assert [row[0] for row in found] == ["candidate", "plain"]


def test_the_heading() -> None:
    assert title(SETTINGS, FAKE) == "fake 1.2, cpu, float32, d = 3, 2 threads"
    assert title(Settings(), FAKE).endswith(", 1 thread")


def test_notes_name_what_was_measured_once() -> None:
    found = notes([FAKE], [outcome("plain"), outcome("plain"), outcome("peer", "broken")])
    assert found[3:] == ["fake plain: the direct loss"]


def test_progress() -> None:
    assert progress_line(outcome("plain")) == "fake plain, N = 4: 1,234 ms, 2.50 products"
    assert progress_line(outcome("plain", "broken")) == "fake plain, N = 4: failed: broken"
