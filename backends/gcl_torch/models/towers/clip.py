"""CLIP, SigLIP and other dual encoders, by `transformers`, from a folder in the hub's layout."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import log
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.blocks import PRUNED
from gcl_spec.models.config_json import whole_settings
from gcl_spec.models.weights import load_weights, weight_shapes
from gcl_torch.models.towers.pruned_clip import PrunedClip

__all__ = ["ClipTowers"]

_INITIAL_LOG_SCALE = log(1 / 0.07)  # arXiv 2103.00020, section 2.5


class ClipTowers(nn.Module):
    """Image and text towers with their projections, under the checkpoint's own names.

    The parameters are the state dict's of transformers' model (`vision_model...`,
    `text_projection.weight`), but for those of its loss: logit_scale and logit_bias are ours to
    train. Dropout is off in training too, so that a resumed run has no random state to restore.
    """

    width: int
    """The width D of both projections."""
    checkpoint_log_scale: float
    """The checkpoint's learned log(1 / temperature); CLIP's initial one where it has none."""

    def __init__(self, model: Any) -> None:
        """Take the towers of a transformers model, which stays usable and shares its modules.

        Raises:
            ConfigError: it has not both `get_image_features` and `get_text_features`.
        """
        super().__init__()
        _check_methods(type(model))
        # This module and the model share one dict of modules, so that a layer that is replaced
        # here (LoRA, sharding) is also replaced in the model's methods.
        self._modules = model._modules
        self._whole = (model,)  # a plain attribute would count its modules and scale, too
        self.checkpoint_log_scale = _log_scale(model)
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        self.train(True)
        self.width = self._width()

    @classmethod
    def from_folder(cls, folder: Path) -> "ClipTowers":
        """Load a checkpoint, in float32.

        Raises:
            ConfigError: it is no dual encoder.
            DataError: weights are pickled, missing, damaged or misshapen, or the architecture is
                not known.
        """
        return cls(_load(folder))

    def image(self, pixel_values_B3HW: torch.Tensor) -> torch.Tensor:
        """Projections (B, D) of preprocessed pictures, not normalised."""
        return self._checked(self._whole[0].get_image_features(pixel_values=pixel_values_B3HW))

    def text(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """Projections (B, D) of token ids, not normalised."""
        return self._checked(
            self._whole[0].get_text_features(input_ids=ids_BL, attention_mask=mask_BL)
        )

    def checkpointing(self, on: bool) -> None:
        """Compute activations again in the backward pass instead of keeping them.

        Raises:
            ConfigError: the architecture cannot.
        """
        model = self._whole[0]
        # transformers 5.2x renamed the methods, and their old names warn there.
        names = ("activation_checkpointing", "gradient_checkpointing")
        name = next(x for x in names if hasattr(model, f"{x}_enable"))
        # No layer draws random numbers, so their state need not be kept.
        options = {"use_reentrant": False, "preserve_rng_state": False}
        try:
            if on:
                getattr(model, f"{name}_enable")(options)
            else:
                getattr(model, f"{name}_disable")()
        except ValueError as error:
            raise ConfigError(
                f"{type(model).__name__} cannot compute activations again: {error}"
            ) from error

    def _width(self) -> int:
        """The width of a short text's projection, since configurations name it differently."""
        ids_BL = torch.zeros((1, 2), dtype=torch.long, device=next(self.parameters()).device)
        with torch.no_grad():
            features = self._whole[0].get_text_features(
                input_ids=ids_BL, attention_mask=torch.ones_like(ids_BL)
            )
        return int(_tensor(features, type(self._whole[0]).__name__).shape[1])

    def _checked(self, features: Any) -> torch.Tensor:
        name = type(self._whole[0]).__name__
        rows = _tensor(features, name)
        if rows.shape[1] != self.width:
            raise ConfigError(
                f"{name}: image and text projections have {rows.shape[1]} and {self.width} "
                "columns; they must be of one space"
            )
        return rows


def _check_methods(kind: type) -> None:
    """Raise a `ConfigError` for the class of a model that does not encode both images and texts."""
    methods = ("get_image_features", "get_text_features")
    missing = [name for name in methods if not hasattr(kind, name)]
    if missing:
        raise ConfigError(
            f"{kind.__name__} has no {' and no '.join(missing)}; a dual encoder is needed, such "
            "as CLIP or SigLIP"
        )


def _tensor(features: Any, name: str) -> torch.Tensor:
    """The tensor (B, D), which transformers 5 may wrap in an object."""
    rows = features if isinstance(features, torch.Tensor) else features.pooler_output
    if not isinstance(rows, torch.Tensor) or rows.ndim != 2:
        what = tuple(rows.shape) if isinstance(rows, torch.Tensor) else rows
        raise ConfigError(f"{name}: its features are {what}, not one row (B, D) for each sample")
    return rows


def _log_scale(model: Any) -> float:
    if hasattr(model, "logit_scale"):
        return float(model.logit_scale.detach())
    if hasattr(model, "temperature"):  # ALIGN divides by it
        return -log(float(model.temperature.detach()))
    return _INITIAL_LOG_SCALE


def _load(folder: Path) -> Any:
    """The model of a folder of which transformers itself reads nothing.

    Given the folder, transformers would apply an adapter that lies beside the weights, ask on
    standard input whether to run the folder's code, and fetch kernels that config.json names.
    """
    shapes = weight_shapes(folder)
    settings = whole_settings(folder, shapes)
    if settings.get("model_type") == PRUNED:
        return PrunedClip.from_weights(settings, load_weights(folder), str(folder))
    _check_depth(settings, len(shapes), str(folder / "config.json"))
    try:
        config, kind = _architecture(settings)
    # transformers raises KeyError, RuntimeError, errors of its config classes and more, which have
    # no base class in common.
    except Exception as error:
        raise DataError(f"{folder}: transformers cannot load it: {_said(error)}") from error
    _check_methods(kind)
    state = {name: torch.from_numpy(x) for name, x in load_weights(folder).items()}
    if "logit_scale" in state and settings.get("model_type") == "clip":
        state["logit_scale"] = _scalar(state["logit_scale"], folder)
    try:
        # Weights that the file lacks would use up random numbers before they are refused.
        with torch.random.fork_rng(devices=[]), _no_progress_bar(), _offline():
            model, loading = kind.from_pretrained(
                None,
                config=config,
                state_dict=state,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:
        raise DataError(f"{folder}: transformers cannot load it: {_said(error)}") from error
    if "logit_scale" in loading["missing_keys"]:  # its memory is then not even initialised
        model.logit_scale.data.fill_(_INITIAL_LOG_SCALE)
    missing = sorted(set(loading["missing_keys"]) - {"logit_scale", "logit_bias"})
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} weights of {type(model).__name__} are missing, "
            f"such as {missing[0]}; the files are incomplete or of another model than config.json"
        )
    return model


def _architecture(settings: dict[str, Any]) -> tuple[Any, Any]:
    """The configuration and class of a model, both from transformers itself."""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING  # takes seconds to import
    from transformers.activations import ACT2FN

    name = settings.get("model_type")
    if not isinstance(name, str) or name not in CONFIG_MAPPING:
        raise ValueError(
            f"it knows no model_type {name!r}, and code that lies in the folder is never run"
        )
    for part in (settings, *(x for x in settings.values() if isinstance(x, dict))):
        act = part.get("hidden_act")
        if isinstance(act, str) and act not in ACT2FN:
            raise ValueError(f"it knows no hidden_act {act!r}")
    config = CONFIG_MAPPING[name].from_dict(settings)
    if type(config) not in MODEL_MAPPING:
        raise ValueError(f"it has no model of the type {name!r}")
    _without_dropout(config)
    kind = MODEL_MAPPING[type(config)]
    return config, kind[0] if isinstance(kind, list | tuple) else kind


def _check_depth(settings: dict[str, Any], most: int, where: str) -> None:
    """Raise a `DataError` for more layers than there are weights, before any are made."""
    for name, value in settings.items():
        if isinstance(value, dict):
            _check_depth(value, most, where)
        elif name.endswith("layers") and isinstance(value, int) and value > most:
            raise DataError(f"{where}: {name} is {value}, but there are only {most} weights")


def _scalar(scale: torch.Tensor, folder: Path) -> torch.Tensor:
    if scale.numel() != 1:
        raise DataError(f"{folder}: logit_scale has the shape {tuple(scale.shape)}, not one number")
    return scale.reshape(())


def _said(error: Exception) -> str:
    """The message of an error of a library, in one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _without_dropout(config: Any) -> None:
    """Set every rate of dropout and of dropped layers to 0, in the towers' configurations too."""
    for name, value in vars(config).items():
        if hasattr(value, "to_dict"):
            _without_dropout(value)
        elif "drop" in name and isinstance(value, float):
            setattr(config, name, 0.0)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging as untyped

    logging: Any = untyped
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _offline() -> Iterator[None]:
    """A block without the hub, where a config.json may name backbones."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
