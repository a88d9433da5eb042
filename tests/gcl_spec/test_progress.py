"""Times of phases: what was done before is not counted, and a second phase begins anew."""

import pytest

from gcl_spec import progress


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs (seconds, phase, done, total) through a reporter of lines."""

    def run(*updates: tuple[float, str, int, int]) -> list[str]:
        times = iter([0.0, *(when for when, *_ in updates)])
        monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
        with progress.open_progress() as reporter:
            for _, phase, done, total in updates:
                reporter.update(phase, done, total, "loss 1" if phase == "training" else "")
        return capsys.readouterr().err.splitlines()

    return run


def test_each_phase_has_its_own_time(said) -> None:
    updates = [(1, "evaluation", 0, 1), (3, "evaluation", 1, 1)]
    assert said(*updates, (100, "evaluation", 0, 1), (104, "evaluation", 1, 1)) == [
        "evaluation: 1/1, 2 s",
        "evaluation: 0/1",
        "evaluation: 1/1, 4 s",
    ]


def test_time_left_is_of_what_this_process_did(said) -> None:
    updates = [(0, "training", 80, 100), (5, "training", 82, 100), (20, "training", 84, 100)]
    assert said(*updates) == ["training: 84/100, 80 s left, loss 1"]
    assert said((11, "training", 10, 100)) == ["training: 10/100, loss 1"]


def test_bars_begin_where_a_run_goes_on() -> None:
    from rich.progress import Progress

    times = iter(range(0, 1000, 10))
    shown = Progress(get_time=lambda: float(next(times)), auto_refresh=False)
    bars = progress._Bars(shown)
    for done in (900, 910, 920):
        bars.update("training", done, 1000)
    assert shown.tasks[0].speed is not None
    assert shown.tasks[0].speed < 2
    for done in (0, 1, 0):
        bars.update("evaluation", done, 1)
    assert len(shown.tasks) == 2
    assert not shown.tasks[1].finished
