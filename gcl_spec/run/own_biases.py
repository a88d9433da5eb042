"""The calibration "bias" of a run, which is made of what its training has learned or set."""

from gcl_spec._typing import State
from gcl_spec.config.options import Config
from gcl_spec.config.toml import objective
from gcl_spec.errors import ConfigError
from gcl_spec.evaluate.calibrations.known import BIAS, CALIBRATIONS, FITTED, Chain
from gcl_spec.evaluate.calibrations.own_biases import OwnBiases
from gcl_spec.loss.cosine_shifts import cosine_shifts
from gcl_spec.models.start import start_bias
from gcl_spec.run.weights import trained_weights

__all__ = ["calibrations_of", "own_biases", "refuse_without_biases"]


def calibrations_of(config: Config) -> tuple[str, ...]:
    """The names of the calibrations that a run with these options can have."""
    return FITTED if start_bias(config) is None else CALIBRATIONS


def refuse_without_biases(name: str, config: Config, where: str) -> None:
    """Refuse the calibration "bias" of a run that has no biases; others pass.

    Args:
        name: of a calibration.
        config: the options of the run.
        where: what the run is, for the message.

    Raises:
        ConfigError: so it is.
    """
    if BIAS in name.split("+") and start_bias(config) is None:
        raise ConfigError(
            f"calibration {name}: {where} was trained without a bias, which objective.bias = pair, "
            "share or one gives to a training; standard and bank are fitted on rows of any run"
        )


def own_biases(config: Config, state: State) -> Chain:
    """The calibration "bias" of a checkpoint.

    A bias that was learned counts for pairs of modalities that are a direction of the objective,
    one that was set by shares (objective.bias = share) for all pairs of its pools; others have the
    mean of the query's modality (`gcl_spec.loss.cosine_shifts`). In composed triplets a target has
    the number of its modality. Running means are taken where the checkpoint has them.

    Raises:
        ConfigError: the run has no biases.
    """
    refuse_without_biases(BIAS, config, "the run")
    rule, weights = objective(config.objective, config.model.modalities), trained_weights(state)
    numbers = weights["log_scale"], weights["logit_bias"]
    shifts_MM = cosine_shifts(rule, *numbers, every=config.objective.bias == "share")
    return Chain(BIAS, (OwnBiases.of(rule.modalities, shifts_MM),))
