"""Checks of options that are parameters of a model in its loss: biases, and weights of parts."""

from math import inf

from gcl_spec.config.options import Config, ObjectiveConfig
from gcl_spec.errors import ConfigError
from gcl_spec.objective import Objective

__all__ = ["SIGLIP_SHIFT", "check_loss_options", "kind_of_scales"]

SIGLIP_SHIFT = 10.0
"""By so much SigLIP's bias lowers all logits at the start (arXiv 2303.15343, section 3.2)."""


def kind_of_scales(own: ObjectiveConfig, rule: Objective) -> str:
    """What the temperatures of a run belong to: "one", "direction", "pair" or "modality".

    An objective's own default, "direction", takes one number as well, so that a run has one where
    its options name no kind.

    Args:
        own: the options of the objective.
        rule: the objective that they make.
    """
    return own.scales or ("one" if rule.scales == "direction" else rule.scales)


def check_loss_options(config: Config, rule: Objective) -> None:
    """Refuse options that contradict each other, or change nothing.

    Args:
        config: the options.
        rule: the objective that they make.

    Raises:
        ConfigError: there are such options.
    """
    own = config.objective
    if config.model.fuse == "learned":
        _check_ratios(config, rule)
    if own.bias == "share":
        _check_shares(config, rule)
    elif own.shares:
        raise ConfigError(
            f"objective.shares = {dict(own.shares)} are for objective.bias = share, not {own.bias}"
        )
    _check_scales(config, rule)
    if rule.loss == "sigmoid":
        _check_start(config, rule)
        return
    if own.bias == "none" and (own.bias_start or own.bias_unit == "cosine"):
        option = "bias_start" if own.bias_start else "bias_unit"
        raise ConfigError(
            f"objective.{option} = {getattr(own, option)}: a softmax has no bias unless "
            "objective.bias = pair or share gives it one"
        )
    _check_shifts(config, rule)


def _check_scales(config: Config, rule: Objective) -> None:
    """Refuse several temperatures that start as one and stay so."""
    kind = kind_of_scales(config.objective, rule)
    if kind != "one" and not config.optim.learn_scale:
        raise ConfigError(
            f"objective.scales = {kind}: all temperatures start at optim.scale, and "
            "optim.learn_scale = false keeps them there, so that they are one; set "
            "optim.learn_scale = true, or objective.scales = one"
        )


def _check_start(config: Config, rule: Objective) -> None:
    """Refuse the start of a sigmoid's shift in logits where the unit is cosine.

    A cosine is at least -1, so that a shift below it makes every pair a positive.
    """
    start, scale = config.objective.bias_start, config.optim.scale
    if rule.bias_unit == "cosine" and not -1 <= start <= SIGLIP_SHIFT:
        here = f"{SIGLIP_SHIFT / scale:.3g} here" if scale else "10 / scale"
        raise ConfigError(
            f"objective.bias_start = {start}: its unit is cosine (objective.bias_unit), logit = "
            f"scale * (cosine - bias): wanted a number from -1 to {SIGLIP_SHIFT:g}; SigLIP's "
            f"-10 in logits are {here}"
        )


def _check_ratios(config: Config, rule: Objective) -> None:
    """Refuse learned weights of parts that no direction would teach anything."""
    summed = config.model.summed
    if not summed:
        raise ConfigError(
            "model.fuse = learned weighs the parts of fused rows, and there are none in "
            f"model.modalities = {list(config.model.modalities)}"
        )
    asked = {name for direction in rule.directions for name in (direction.query, direction.target)}
    for name in summed:
        if name not in asked:
            raise ConfigError(
                f"model.fuse = learned: no direction of the objective {config.objective.preset} "
                f"goes to or from {name}, so that nothing is learned of its parts; use unit"
            )


def _check_shifts(config: Config, rule: Objective) -> None:
    """Refuse what shifts all logits of every softmax by the same number, which changes none."""
    own = config.objective
    alike = rule.bias_unit == "logit" or kind_of_scales(own, rule) == "one"
    if own.bias == "one" and alike:
        raise ConfigError(
            "objective.bias = one: one shift of all logits changes no softmax; "
            "objective.bias = pair gives each pair of modalities its own"
        )
    if own.bias_start and alike:
        raise ConfigError(
            f"objective.bias_start = {own.bias_start}: biases of a softmax that all start at one "
            "number change nothing by it; leave it out"
        )
    if own.bias != "none" and all(len(rule.pool_names(d)) == 1 for d in rule.directions):
        raise ConfigError(
            f"objective.bias = {own.bias}: each pool holds rows of one modality alone (pool = "
            f"{rule.pool}), which a bias shifts alike, so it changes no softmax; use pool = all"
        )
    if own.bias == "pair" and alike and not config.optim.learn_bias:
        raise ConfigError(
            "objective.bias = pair: all biases start alike, and optim.learn_bias = false keeps "
            "them so, which changes no softmax; leave one of them out"
        )


def _check_shares(config: Config, rule: Objective) -> None:
    """Refuse shares of pools that are not all modalities', or whose terms are not equation 2's."""
    if not config.optim.learn_bias:
        raise ConfigError(
            "objective.bias = share moves the bias in each step, and optim.learn_bias = false "
            "keeps it fixed: leave one of them out"
        )
    plain = rule.positives == "each" and rule.debias == 0 and rule.bias_unit == "logit"
    whole = all(rule.pool_names(d) == rule.modalities for d in rule.directions)
    if rule.loss != "softmax" or not plain or not whole:
        raise ConfigError(
            "objective.bias = share: a softmax over all modalities has such shares: pool = all, "
            "positives = each, debias = 0, bias_unit = logit"
        )
    for name, share in config.objective.shares.items():
        if name not in rule.modalities or not 0 < share < inf:
            raise ConfigError(
                f"objective.shares.{name} = {share}: wanted a number above 0 for one of "
                f"{', '.join(rule.modalities)}"
            )
