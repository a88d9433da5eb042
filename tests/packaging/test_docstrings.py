"""Docstrings name the arguments that there are, and the shape of every array.

The model is scikit-learn's test_docstring_parameters. Where a section "Args" stands, its names are
exactly those of the signature, in any order; without one nothing is asked but shapes.
"""

import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

import docstring_figures
from docstring_figures import facts
from docstrings.read import Documented, public
from docstrings.rules import (
    Rules,
    arrays,
    has_formula,
    has_source,
    says_only_see,
    without_subject,
)
from repository import REPOSITORY


@cache
def every() -> tuple[Documented, ...]:
    return tuple(public(REPOSITORY))


@cache
def rules() -> Rules:
    return Rules(every())


FORMULAS = (
    "gcl_jax.cached.step.cached_value_and_grad",
    "gcl_jax.loss.functions.gcl_loss",
    "gcl_jax.models.towers.layers.LayerNorm",
    "gcl_jax.models.towers.layers.attend",
    "gcl_jax.train.optimizer.AdamW",
    "gcl_jax.train.optimizer.AdamW.update",
    "gcl_reference.loss.gradients",
    "gcl_reference.loss.loss",
    "gcl_spec.audit.false_negatives.false_negatives",
    "gcl_spec.batch.embeddings",
    "gcl_spec.conformance.cases.fused.Fused",
    "gcl_spec.evaluate.significance.paired",
    "gcl_spec.geometry.anisotropy",
    "gcl_spec.geometry.centroid_distance",
    "gcl_spec.geometry.effective_rank",
    "gcl_spec.geometry.mean_cosine",
    "gcl_spec.geometry.paired_distance",
    "gcl_spec.loss.equation.gcl_loss",
    "gcl_spec.loss.logsumexp.logsumexp",
    "gcl_spec.loss.problem.Problem",
    "gcl_spec.models.head.head_weights",
    "gcl_spec.models.lora.merged",
    "gcl_spec.models.tiny_clip.tiny_weights",
    "gcl_spec.objective.family.Objective",
    "gcl_spec.objective.direction.all_directions",
    "gcl_spec.recall.ranking.Ranking.average_precision",
    "gcl_spec.recall.ranking.Ranking.ndcg",
    "gcl_spec.recall.ties.discount_tables",
    "gcl_spec.recall.ties.harmonic_difference",
    "gcl_spec.recall.ties.mean_precisions",
    "gcl_spec.recall.ties.mean_reciprocal",
    "gcl_spec.recall.ties.missed",
    "gcl_spec.train.optimizer_rules.learning_rate",
    "gcl_torch.cached.step.cached_step",
    "gcl_torch.loss.functions.gcl_loss",
)
"""Functions and classes that state a published formula, and so name where it was published."""


def lacking(rule: Callable[[Documented], Iterable[str]]) -> dict[str, str]:
    """What docstrings lack by a rule, by place."""
    found = {entry.where: ", ".join(rule(entry)) for entry in every()}
    return {where: text for where, text in found.items() if text}


def held(found: dict[str, str], way_out: str) -> None:
    if found:
        bad = [f"{where}: {text}" for where, text in found.items()]
        pytest.fail("\n".join([*bad, way_out]), pytrace=False)


def test_args_equal_the_signature() -> None:
    held(lacking(rules().misnamed), "An Args section holds every argument, and no other name.")


def test_every_array_has_its_shape() -> None:
    held(
        lacking(rules().without_shape),
        'Write "(B, D)", "shape ()", "0-d" or "any shape" in Args or Returns, or name in backticks '
        "the function that says it.",
    )


def test_no_docstring_only_refers_to_another() -> None:
    held(
        lacking(lambda found: ["only refers"] if says_only_see(found) else []),
        "Say in one sentence what it does, then refer.",
    )


def test_no_docstring_lacks_what_the_figures_count() -> None:
    """They are the source of each formula, the errors that are raised, and a subject."""
    held(
        lacking(lambda symbol: [name for name, fine in facts(symbol, rules()) if not fine]),
        'Name the paper of a formula, or say "derived here"; list errors under Raises; begin with '
        "a sentence that has a subject or an imperative.",
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_published_formulas_name_their_source(name: str) -> None:
    stated = [entry for entry in every() if f"{entry.module}.{entry.name}" == name]
    assert len(stated) == 1, f"{name} is no public function or class"
    assert has_source(stated[0]), f"{stated[0].where}: name the paper, its equation, or a link"


SOURCE = '''
__all__ = ["Pair", "both", "handed", "see", "some", "wrong"]

class Pair(NamedTuple):
    """Two arrays.

    left: shape (B, D).
    """

    left: Array
    right: Array
    """Shape ()."""
    third: Array | None

    def flipped(self) -> tuple[Array, Array]:
        """The two in the other order."""

def both(x: Array, y_BD: torch.Tensor, *rest: int, xp: ArrayNamespace) -> Array:
    """exp(x) / sum_j exp(x_j), the softmax (Bridle, 1990).

    Args:
        x: (..., D).
        y_BD: further
            rows.
        rest: numbers.
        xp: the namespace.

    Returns:
        The shape of x.

    >>> both(1)
    """
    raise ValueError("no")

def some(x: Array, f: Callable[[Array], Array]) -> None:
    """Those of x.

    Raises:
        ValueError: always.
    """
    raise ValueError("no")

def handed(x: Array, rest: int) -> Array:
    """The same as `both` of one array."""

def wrong(x: int, y: int) -> None:
    """y = exp(x) + 1.

    Args:
        x, z: numbers.
    """

def see(x: int) -> None:
    """See `both`."""

def _hidden(x: Array) -> Array: ...
def unlisted(x: Array) -> Array: ...
'''


@pytest.fixture
def small(tmp_path: Path) -> dict[str, Documented]:
    (tmp_path / "gcl_spec").mkdir()
    (tmp_path / "gcl_spec" / "small.py").write_text(SOURCE)
    return {found.name: found for found in public(tmp_path)}


def test_what_is_public_is_read(small: dict[str, Documented]) -> None:
    assert list(small) == ["Pair", "Pair.flipped", "both", "some", "handed", "wrong", "see"]
    both = small["both"]
    assert both.where == "gcl_spec/small.py:18: both"
    assert list(both.arguments) == ["x", "y_BD", "rest", "xp"]
    assert (both.returns, both.raises) == ("Array", ("ValueError",))
    assert both.entries["y_BD"].split() == ["further", "rows."]
    assert both.sections["Returns"].strip() == "The shape of x."
    assert list(arrays(both)) == ["x", "y_BD", "the result"]


def test_the_rules(small: dict[str, Documented]) -> None:
    own = Rules(small.values())
    shapes = {name: list(own.without_shape(found)) for name, found in small.items()}
    assert shapes.pop("Pair") == ["third"]
    assert shapes.pop("Pair.flipped") == ["the result"]
    assert shapes.pop("some") == ["x"]
    assert not any(shapes.values()), shapes
    wrong = {name: list(own.misnamed(found)) for name, found in small.items()}
    assert wrong.pop("wrong") == ["z is no argument", "y is left out"]
    assert not any(wrong.values()), wrong
    assert [name for name, found in small.items() if says_only_see(found)] == ["see"]
    assert [name for name, found in small.items() if without_subject(found)] == ["some"]
    assert [name for name, found in small.items() if has_formula(found)] == ["both", "wrong"]
    assert [name for name, found in small.items() if has_source(found)] == ["both"]


def test_the_figures(small: dict[str, Documented]) -> None:
    row = docstring_figures.figures(list(small.values()), Rules(small.values()))
    assert row == ["7", "100 % of 7", "40 % of 5", "50 % of 2", "50 % of 2", "1", "1"]
    lines = list(docstring_figures.lacking(small.values(), Rules(small.values())))
    assert lines[0] == "gcl_spec/small.py:4: Pair: with shapes (no shape: third)"


def test_the_script_prints_a_line_a_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["docstring_figures.py"])
    docstring_figures.main()
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert names == ["gcl_spec", "gcl_torch", "gcl_jax", "gcl_reference", "gcl_cli", "all"]
