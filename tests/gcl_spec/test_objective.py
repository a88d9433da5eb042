"""An objective is checked when it is made; its plan says what the definition says."""

from itertools import product

import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.objective import GCL, Direction, Objective, preset


def test_presets_are_found_by_name() -> None:
    assert preset("gcl") is GCL
    with pytest.raises(ConfigError, match="there are gcl"):
        preset("glc")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Direction("image", "image"), "must differ"),
        (lambda: Direction("image", "text", 0.0), "must be positive"),
        (lambda: Direction("image", "text", float("nan")), "must be positive"),
        (lambda: Objective(modalities=("image",)), "at least two"),
        (lambda: Objective(modalities=("image", "image")), "each once"),
        (lambda: Objective(directions=(Direction("image", "audio"),)), "no modality 'audio'"),
        (lambda: Objective(directions=(Direction("image", "text"),) * 2), "given twice"),
        (lambda: Objective(pool="some"), "must be one of all, target"),
    ],
)
def test_nonsense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_objectives_are_hashable_values() -> None:
    options = product(("mask", "keep"), ("keep", "drop"))
    assert len({Objective(self_term=s, same_sample=d) for s, d in options}) == 4  # type: ignore[arg-type]
    assert hash(Objective()) == hash(GCL)
