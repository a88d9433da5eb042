"""Options of scales and biases that contradict each other, or would be ignored."""

from dataclasses import replace

import pytest

from gcl_spec.config.loss_options import check_loss_options
from gcl_spec.config.toml import loads
from gcl_spec.errors import ConfigError
from gcl_spec.objective import GCL, Direction


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["objective.positives=0.5"], "a softmax over all modalities"),
        (["objective.preset=clip"], "pool = all"),
        (["objective.loss=sigmoid"], "a softmax over all modalities"),
        (["objective.shares.video=1.0"], "one of image, text"),
        (["objective.shares.text=0.0"], "a number above 0"),
        (["optim.learn_bias=false"], "moves the bias in each step"),
    ],
)
def test_shares_that_no_bias_can_hold_are_refused(sets: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loads("", ["objective.bias=share", *sets])


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["objective.shares.image=2.0"], "are for objective.bias = share, not none"),
        (["objective.shares.image=2.0", "objective.bias=pair"], "not pair"),
        (["objective.bias_start=3"], "bias_start = 3.0: a softmax has no bias unless"),
        (["objective.bias_unit=cosine"], "bias_unit = cosine: a softmax has no bias"),
        (["objective.bias=one"], "one shift of all logits changes no softmax"),
        (["objective.bias=one", "objective.scales=pair"], "changes no softmax"),
        (["objective.bias=one", "objective.bias_unit=cosine"], "changes no softmax"),
        (["objective.bias=share", "objective.bias_start=1"], "all start at one number"),
        (["objective.bias=pair", "objective.bias_start=-1"], "all start at one number"),
        (["objective.bias=pair", "objective.preset=clip"], "rows of one modality alone"),
        (["objective.bias=pair", "objective.preset=pairwise"], "rows of one modality alone"),
        (
            [
                "objective.bias=one",
                "objective.bias_unit=cosine",
                "objective.preset=e5-omni",
                "objective.scales=one",
            ],
            "changes no softmax",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(sets: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loads("", sets)


@pytest.mark.parametrize(
    "sets",
    [
        ["objective.bias=one", "objective.scales=pair", "objective.bias_unit=cosine"],
        ["objective.bias=one", "objective.preset=e5-omni", "objective.bias_unit=cosine"],
        ["objective.preset=siglip", "objective.bias_start=-3"],
        ["objective.preset=siglip", "objective.bias_start=0.5", "objective.bias_unit=cosine"],
        ["objective.preset=siglip-all", "objective.bias_start=-1"],
        ["objective.preset=siglip-all", "objective.bias_start=10", "optim.scale=1"],
        ["objective.bias=pair", "objective.bias_unit=cosine", "objective.scales=pair"],
        ["objective.preset=siglip", "objective.bias_start=-10", "optim.learn_bias=false"],
        ["objective.preset=e5-omni", "objective.scales=one", "optim.learn_scale=false"],
        ["optim.learn_scale=false"],
        [
            "objective.bias=pair",
            "objective.bias_start=0.5",
            "objective.scales=pair",
            "objective.bias_unit=cosine",
        ],
        ["objective.bias=share", "objective.shares.text=2.0", "objective.hardness=2"],
    ],
)
def test_what_has_an_effect_is_not(sets: list[str]) -> None:
    assert loads("", sets).objective.bias_unit in ("", "cosine")


@pytest.mark.parametrize("start", ["-10", "-1.01", "10.1"])
@pytest.mark.parametrize(
    "sets",
    [["objective.preset=siglip-all"], ["objective.loss=sigmoid", "objective.bias_unit=cosine"]],
)
def test_a_start_in_logits_where_the_unit_is_cosine_is_refused(sets: list[str], start: str) -> None:
    """At a scale of 16, -10 would make every pair's logit 160 larger, where SigLIP's is 10 less."""
    said = r"bias_start = .*cosine.*-10 in logits are 0\.625 here"
    with pytest.raises(ConfigError, match=said):
        loads("", [*sets, f"objective.bias_start={start}", "optim.scale=16"])


@pytest.mark.parametrize(
    ("sets", "named"),
    [
        (["objective.scales=pair"], "scales = pair"),
        (["objective.scales=modality"], "scales = modality"),
        (["objective.scales=direction"], "scales = direction"),
        (["objective.preset=e5-omni"], "scales = modality"),
    ],
)
def test_several_temperatures_that_stay_one_are_refused(sets: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=f"{named}.*optim.learn_scale"):
        loads("", [*sets, "optim.learn_scale=false"])
    assert loads("", sets)


def test_biases_that_stay_equal_are_refused() -> None:
    said = "objective.bias = pair.*optim.learn_bias = false"
    with pytest.raises(ConfigError, match=said):
        loads("", ["objective.bias=pair", "optim.learn_bias=false"])


def test_a_wrong_kind_of_scales_is_told_all_that_there_are() -> None:
    said = "objective.scales = 'pairs': must be one of one, direction, pair, modality"
    with pytest.raises(ConfigError, match=said):
        loads("", ["objective.scales=pairs"])


def test_shares_want_every_pool_to_be_whole() -> None:
    config = loads("", ["objective.bias=share"])
    some = replace(GCL, directions=(*GCL.directions[1:], Direction("image", "text", pool="target")))
    with pytest.raises(ConfigError, match="pool = all"):
        check_loss_options(config, some)
    check_loss_options(config, GCL)


def test_learned_weights_need_a_direction_that_teaches_them() -> None:
    assert loads("", ["model.fuse=learned"]).model.summed == ("image+text",)
    for sets, reason in (
        (["objective.preset=clip"], r"no direction of the objective clip goes to .* image\+text"),
        (["model.modalities=['image', 'text']"], r"there are none in .*'image', 'text'"),
    ):
        with pytest.raises(ConfigError, match=f"model.fuse = learned.*{reason}"):
            loads("", ["model.fuse=learned", *sets])
