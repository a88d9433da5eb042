"""LoRA matrices (Hu et al. 2021, arXiv 2106.09685) in the towers of a checkpoint, by PEFT."""

from collections.abc import Mapping

import torch
from torch import nn

from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError, MissingFrameworkError
from gcl_spec.models.fusion import RATIO
from gcl_spec.models.lora import LORA_ALPHA

__all__ = ["add_lora", "plain_name"]

_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "query", "key", "value", "fc1", "fc2")


def add_lora(model: nn.Module, config: Config, *, trained: bool = False) -> None:
    """Put LoRA matrices beside the projections of attention and MLPs; freeze all other weights.

    The tower that `model.freeze` names gets none; with "both" each has its own matrices, since
    their weights are frozen in any case. The temperature, and what weights frames of videos or
    parts of fused rows, are trained as before.

    Args:
        model: its projections are linear layers of known names.
        config: the options, of which `model.lora` is the rank.
        trained: the matrices are those of a run, which may have any rank.

    Raises:
        MissingFrameworkError: PEFT is not installed.
        ConfigError: the model has no layer of a known name, or one whose smaller side is less than
            the rank.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingFrameworkError(
            "model.lora needs PEFT, which is not installed: pip install peft"
        ) from error
    frozen = {"image": "vision_model.", "text": "text_model."}
    skipped = [part for name, part in frozen.items() if config.model.freeze == name]
    targets = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and name.rpartition(".")[2] in _TARGETS
        and not any(part in name for part in skipped)
    }
    if not targets:
        raise ConfigError(f"model.lora: no linear layer named one of {', '.join(_TARGETS)}")
    optim = config.optim
    learns = {"log_scale": optim.learn_scale, "logit_bias": optim.learn_bias}
    others = ["frame_query", RATIO, *(name for name, learned in learns.items() if learned)]
    rank = config.model.lora
    if not trained:
        _check_rank(rank, targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        inject_adapter_in_model(
            LoraConfig(r=rank, lora_alpha=LORA_ALPHA * rank, target_modules=list(targets)), model
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or name in others)


def _check_rank(rank: int, targets: Mapping[str, nn.Linear]) -> None:
    """Refuse a rank that no product of two matrices beside these layers can have."""
    name, layer = min(targets.items(), key=lambda x: min(x[1].in_features, x[1].out_features))
    most = min(layer.in_features, layer.out_features)
    if rank > most:
        raise ConfigError(
            f"model.lora = {rank}: more than a matrix can have, for {name!r} is "
            f"{layer.out_features} x {layer.in_features}; set it to {most} or less"
        )


def plain_name(name: str) -> str:
    """A parameter's name without what PEFT adds to it, so that base weights keep their names.

    >>> plain_name("clip.q_proj.base_layer.weight"), plain_name("clip.q_proj.lora_A.default.weight")
    ('clip.q_proj.weight', 'clip.q_proj.lora_A.weight')
    """
    return name.replace(".base_layer.", ".").replace(".default.", ".")
