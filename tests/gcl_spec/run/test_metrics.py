"""Lines of metrics, also damaged ones, and the best step among them."""

import pytest

from gcl_spec.run.metrics import FIGURE, best_step, parse


def test_lines_are_their_values() -> None:
    assert parse(b'{"step": 1, "loss": 0.5}\n{"step": 2}\n') == [
        {"step": 1, "loss": 0.5},
        {"step": 2},
    ]
    assert parse(b"") == []


@pytest.mark.parametrize(
    "damaged",
    [b'{"step": 2', b'{"step": 2}', b"\0\0\0\n", b"[2]\n", b'{"loss": 1}\n', b'{"step": "2"}\n',
     b'{"step": 2}{"step": 3}\n', b"[" * 10_000 + b"\n", b"\xff\n"],
)  # fmt: skip
def test_a_damaged_line_is_none(damaged: bytes) -> None:
    assert parse(b'{"step": 1}\n' + damaged) == [{"step": 1}, None]


def test_the_best_step_is_the_first_of_equal_ones() -> None:
    figures = {1: 0.2, 2: 0.5, 3: 0.5, 4: 0.4}
    lines = [{"step": step, FIGURE: figure} for step, figure in figures.items()]
    assert best_step([*lines, None, {"step": 5}]) == 2
    assert best_step([{"step": 1}, None]) is None
    assert best_step([]) is None
