"""Candidates of the family: those there are, those of a user, and their options."""

from dataclasses import replace

import pytest

from gcl_spec.ablate.candidates import CANDIDATES, DROPOUT, chosen, named, with_settings
from gcl_spec.ablate.cells import Cell, cell_config, search_cells
from gcl_spec.config.options import Config
from gcl_spec.config.toml import loads, objective
from gcl_spec.errors import ConfigError
from gcl_spec.models.start import start_bias, start_scales


def test_every_candidate_is_an_objective_of_its_own_with_and_without_dropout() -> None:
    made = {name: with_settings(Config(), name, own) for name, own in CANDIDATES.items()}
    for name, config in made.items():
        assert config.model.dropout == (0.2 if name.endswith(DROPOUT) else 0.0)
        objective(config.objective)
    assert len({str((c.objective, c.model.dropout)) for c in made.values()}) == len(made) == 24
    assert made["positives-0.5"].objective.positives == 0.5
    assert start_scales(made["temperature-per-pair"]).shape == (3, 3)
    bias = start_bias(made["bias-per-pair"])
    assert bias is not None
    assert bias.shape == (3, 3)


@pytest.mark.parametrize(("scale", "start"), [("7", 10 / 7), ("100", 0.1), ("learned", 0.7)])
def test_a_sigmoid_starts_at_the_same_logits_at_any_scale(scale: str, start: float) -> None:
    cell = Cell("siglip-all", scale, 0, "0.003", searched=True)
    found = cell_config(Config(), cell, CANDIDATES)
    assert found.objective.bias_start == pytest.approx(start)
    assert (found.eval.tasks, found.optim.lr) == ("val_tasks", 0.003)
    own = {"mine": (*CANDIDATES["siglip-all"], "objective.bias_start=2")}
    assert cell_config(Config(), replace(cell, objective="mine"), own).objective.bias_start == 2


def test_the_start_of_a_sigmoid_is_not_that_of_other_candidates() -> None:
    base = loads("", ["objective.preset=siglip", "objective.bias_start=-10"])
    assert with_settings(base, "gcl", CANDIDATES["gcl"]).objective.bias_start == 0
    siglip = with_settings(base, "siglip", ("objective.preset=siglip",))
    assert siglip.objective.bias_start == -10


def test_several_temperatures_are_learned_from_the_scale_that_is_tried() -> None:
    def optim(name: str, scale: str) -> tuple[float, bool]:
        found = cell_config(Config(), Cell(name, scale, 0), CANDIDATES).optim
        return found.scale, found.learn_scale

    assert optim("temperature-per-pair", "50") == (50, True)
    assert optim("gcl", "50") == (50, False)
    assert optim("e5-omni", "200") == (200, True)


def test_a_users_candidates_stand_beside_those_that_are_chosen() -> None:
    found = chosen(["gcl,clip", "gcl"], ["half=objective.preset=gcl,objective.positives=0.5"])
    assert [*found] == ["gcl", "clip", "half"]
    assert found["half"] == ("objective.preset=gcl", "objective.positives=0.5")
    assert {**chosen([], [])} == CANDIDATES
    words = named("x=model.modalities=['image','text'],objective.preset=clip")[1]
    assert words == ("model.modalities=['image','text']", "objective.preset=clip")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("half", "wanted NAME=section"),
        ("../x=objective.preset=gcl", "no name"),
        ("search=objective.preset=gcl", "no name"),
        ("gcl=objective.preset=clip", "another candidate"),
        ("x=optim.lr=1", "searched for every"),
        ("x=train.steps=9", "must be of objective, model, optim"),
        ("x=data.path=y,eval.tasks=tasks", "must be of objective, model, optim"),
    ],
)
def test_what_would_be_no_fair_candidate_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        named(text)


def test_unknown_names_and_options_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no candidate 'glc'; did you mean gcl\?"):
        chosen(["glc"], [])
    with pytest.raises(ConfigError, match="twice"):
        chosen([], ["x=objective.preset=gcl", "x=objective.preset=clip"])
    with pytest.raises(ConfigError, match=r"candidate x: .*positives"):
        with_settings(Config(), "x", ("objective.positives=2",))
    with pytest.raises(ConfigError, match="learning rate '1e-3'"):
        search_cells(["gcl"], ["16"], ["1e-3"])
