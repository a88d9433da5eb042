"""Checks the values that options may have."""

import re
from collections.abc import Callable
from typing import Any

from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError
from gcl_spec.objective import given_names, name_parts, same_parts

__all__ = ["check_ranges"]

_AT_LEAST_ONE = (
    "model.width", "model.hidden", "model.max_tokens", "model.frames", "train.steps",
    "train.batch_size", "train.log_every", "train.save_every", "train.keep", "train.devices",
    "eval.batch_size", "data.prefetch",
)  # fmt: skip
_POSITIVE = ("optim.lr", "optim.tower_lr", "optim.eps", "optim.max_scale")
_RATES = ("optim.lr", "optim.tower_lr")
_MOST = 1e30
"""The largest learning rate; decay goes to 1e6: their product must be a number in float32."""
_NOT_NEGATIVE = (
    "optim.warmup_steps", "optim.weight_decay", "optim.scale", "optim.clip_norm",
    "optim.skip_nonfinite", "train.seed", "train.eval_every", "train.save_minutes",
    "train.keep_every", "train.microbatch", "model.lora", "model.image_vector", "model.text_vector",
    "data.frame_cache",
)  # fmt: skip
_SHARES = (
    "optim.beta1", "optim.beta2", "optim.ema", "data.max_bad", "data.holdout",
    "model.patch_dropout", "model.dropout",
)  # fmt: skip
_CHECKPOINTS = ("clip", "vista")


def check_ranges(config: Config) -> None:
    """Check the ranges of single options, and that options fit each other.

    Raises:
        ConfigError: an option is out of its range, or two contradict each other.
    """

    def value(name: str) -> Any:
        section, key = name.split(".")
        return getattr(getattr(config, section), key)

    ranges: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
        (_AT_LEAST_ONE, lambda x: x >= 1, "must be at least 1"),
        (_POSITIVE, lambda x: x > 0, "must be above 0"),
        (_RATES, lambda x: x <= _MOST, f"must be at most {_MOST:g}"),
        (("optim.weight_decay",), lambda x: x <= 1e6, "must be at most 1e+06"),
        (_NOT_NEGATIVE, lambda x: x >= 0, "must not be negative"),
        (_SHARES, lambda x: 0 <= x < 1, "must be in [0, 1)"),
    )
    for names, fits, words in ranges:
        wrong = next((name for name in names if not fits(value(name))), None)
        if wrong is not None:
            raise ConfigError(f"{wrong} = {value(wrong)}; {words}")
    if config.train.keep_best and not config.train.eval_every:
        raise ConfigError("train.keep_best needs evaluations: set train.eval_every above 0")
    if config.data.workers < 0:
        raise ConfigError(f"data.workers = {config.data.workers}; must not be negative")
    if config.model.image_size < 32:
        raise ConfigError(f"model.image_size = {config.model.image_size}; must be at least 32")
    if not 3 <= config.model.max_tokens <= 512:
        raise ConfigError(
            f"model.max_tokens = {config.model.max_tokens}; must be 3 to 512, two of them marks"
        )
    if config.optim.learn_scale and config.optim.scale > config.optim.max_scale:
        raise ConfigError(
            f"optim.scale = {config.optim.scale} is above optim.max_scale = "
            f"{config.optim.max_scale}, to which a learned scale is clamped"
        )
    _check_model(config)
    _check_modalities(config)


def _check_model(config: Config) -> None:
    """Check the values that belong to one kind of model."""
    model = config.model
    if model.kind == "clip" and model.freeze == "both" and not model.lora:
        raise ConfigError(
            "model.freeze = both leaves nothing of a clip model to train; set it to none, image or "
            "text, or train LoRA matrices with model.lora"
        )
    if model.lora and model.kind != "clip":
        raise ConfigError(f"model.lora is for model.kind = clip, not {model.kind}")
    if not config.optim.scale and model.kind not in _CHECKPOINTS:
        raise ConfigError("optim.scale = 0 is a checkpoint's own scale: for model.kind = clip")
    if model.max_joint_tokens < 3:
        raise ConfigError(
            f"model.max_joint_tokens = {model.max_joint_tokens}; must be at least 3, two of them "
            "marks"
        )
    if model.dropout and model.kind == "clip":
        raise ConfigError("model.dropout is for model.kind = lite, adapter or vista, not clip")
    if model.kind != "vista":
        if model.patch_dropout:
            raise ConfigError(f"model.patch_dropout is for model.kind = vista, not {model.kind}")
        if model.fuse == "joint":
            raise ConfigError(
                f"model.fuse = joint: a {model.kind} model has no joint encoder; for model.kind = "
                "vista"
            )


_TOWERS = ("image", "text")
_TAKEN = ("concept", "id", "ids", "present")  # names of other arrays beside those of modalities


def _check_modalities(config: Config) -> None:
    """The names of modalities, and the options that go by them."""
    model = config.model
    where = f"model.modalities = {list(model.modalities)}"
    for name in model.modalities:
        parts = name_parts(name)
        for part in parts:
            if not re.fullmatch("[a-z][a-z0-9_]*", part) or part in _TAKEN:
                raise ConfigError(
                    f"{where}: {part!r} is no name of a modality; wanted small letters, digits and "
                    f"'_', and none of {', '.join(_TAKEN)}"
                )
        if len(parts) > 1 and (len({*parts}) != 2 or not {*parts} <= {*model.modalities}):
            raise ConfigError(f"{where}: {name!r} must be of two others, which must be there, too")
        if same_parts(parts, model.modalities) != name or model.modalities.count(name) > 1:
            raise ConfigError(f"{where}: {name!r} is there twice")
    given = given_names(model.modalities)
    if model.kind != "adapter" and {*given} not in _taken(model):
        more = ", and videos beside or instead of images" if len(_taken(model)) > 1 else ""
        raise ConfigError(
            f"{where}: a {model.kind} model takes {' and '.join(_TOWERS)}{more}; model.kind = "
            "'adapter' takes vectors of any modality"
        )
    if model.pool != "mean" and (model.kind == "adapter" or "video" not in given):
        raise ConfigError(f"model.pool = {model.pool!r} is for frames of videos; {where}")
    for option, names in (
        ("model.vectors", model.vectors),
        ("data.columns.others", config.data.columns.others),
    ):
        for name in names:
            vectors_of_towers = option == "model.vectors" and model.kind != "adapter"
            if name not in given or name in _TOWERS or vectors_of_towers:
                raise ConfigError(f"{option}.{name}: no further modality {name!r}; {where}")


def _taken(model: ModelConfig) -> tuple[set[str], ...]:
    """The sets of given modalities that the towers of a model take."""
    if model.kind in ("clip", "lite"):
        return {*_TOWERS}, {"video", "text"}, {*_TOWERS, "video"}
    return ({*_TOWERS},)
