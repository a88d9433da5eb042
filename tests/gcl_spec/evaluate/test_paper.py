"""The paper's tables."""

from gcl_spec.evaluate.paper import COLUMNS, PAPER
from gcl_spec.tasks.formats import FORMATS


def test_every_printed_figure_is_in_a_column_of_a_format() -> None:
    assert COLUMNS.keys() == PAPER.keys()
    assert COLUMNS.keys() < FORMATS.keys()
    for name, models in PAPER.items():
        assert all({*figures} <= {*COLUMNS[name]} for figures in models.values())
        assert all(0 < value < 100 for figures in models.values() for value in figures.values())
