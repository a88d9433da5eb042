"""The settings of the family of objectives that `gcl ablate --family` compares, by name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gcl_spec._words import nearest
from gcl_spec.config import toml
from gcl_spec.config.loss_options import SIGLIP_SHIFT
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.models.start import start_scales

__all__ = ["CANDIDATES", "DROPOUT", "Settings", "chosen", "named", "with_settings"]

Settings = tuple[str, ...]
"""Options that differ from the regime's, as "section.key=VALUE"."""

_PLAIN: Mapping[str, Settings] = {
    **{
        name: (f"objective.preset={name}",)
        for name in ("clip", "pairwise", "gcl", "gcl-drop", "trident-joint")
    },
    "positives-0.5": ("objective.preset=gcl", "objective.positives=0.5"),
    **{
        name: (f"objective.preset={name}",)
        for name in ("siglip-all", "e5-omni", "llave", "rzenembed")
    },
    "bias-per-pair": ("objective.preset=gcl", "objective.bias=pair"),
    "temperature-per-pair": ("objective.preset=gcl", "objective.scales=pair"),
}

DROPOUT = "+dropout"
"""The end of the names of the same settings with dropout on the towers' outputs."""

CANDIDATES: Mapping[str, Settings] = MappingProxyType(
    {
        f"{name}{end}": (*settings, *more)
        for end, more in (("", ()), (DROPOUT, ("model.dropout=0.2",)))
        for name, settings in _PLAIN.items()
    }
)
"""The candidates by name: what differs from GCL without dropout, a preset of `gcl_spec.objective`
and changes to it."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,60}")
_NEXT = re.compile(r",(?=[a-z]+\.[a-z_.0-9]+=)")
_SECTIONS = ("objective", "model", "optim")
_SEARCHED = ("optim.scale", "optim.learn_scale", "optim.lr")
_FOLDERS = ("start", "search")


def named(text: str) -> tuple[str, Settings]:
    """A candidate of a user, NAME=section.key=VALUE,section.key=VALUE.

    >>> named("half=objective.preset=gcl,objective.positives=0.5")
    ('half', ('objective.preset=gcl', 'objective.positives=0.5'))

    Raises:
        ConfigError: the name is no name of a folder, or is taken; an option is one on which all
            candidates agree, or that is searched.
    """
    name, _, rest = text.partition("=")
    settings = tuple(_NEXT.split(rest)) if rest else ()
    where = f"--candidate {text!r:.200}"
    if not _NAME.fullmatch(name) or name in _FOLDERS:
        raise ConfigError(
            f"{where}: {name!r:.80} is no name; wanted small letters, digits and . + _ -"
        )
    if not settings:
        raise ConfigError(f"{where}: wanted NAME=section.key=VALUE,section.key=VALUE")
    if CANDIDATES.get(name, settings) != settings:
        raise ConfigError(f"{where}: {name} is another candidate: {','.join(CANDIDATES[name])}")
    for setting in settings:
        option = setting.partition("=")[0]
        if option in _SEARCHED:
            raise ConfigError(f"{where}: {option} is searched for every candidate; leave it out")
        if option.partition(".")[0] not in _SECTIONS:
            raise ConfigError(
                f"{where}: {option!r:.80} must be of {', '.join(_SECTIONS)}; all else is the same "
                "for all candidates"
            )
    return name, settings


def chosen(names: Sequence[str], more: Sequence[str]) -> dict[str, Settings]:
    """The candidates of these names, then those of a user; all of `CANDIDATES` without names.

    Args:
        names: of `CANDIDATES`, or of the user's; "a,b" stands for two.
        more: candidates as `named` takes them.

    Raises:
        ConfigError: a name is none, or twice there with other settings.
    """
    own: dict[str, Settings] = {}
    for name, settings in map(named, more):
        if own.setdefault(name, settings) != settings:
            raise ConfigError(f"--candidate {name} is given twice, with other settings")
    every = {**CANDIDATES, **own}
    asked = [name for text in names for name in text.split(",")] or [*every]
    for name in asked:
        if name not in every:
            raise ConfigError(
                f"no candidate {name!r:.80}{nearest(name, every)}; there are {', '.join(every)}"
            )
    return {name: every[name] for name in dict.fromkeys((*asked, *own))}


def with_settings(base: Config, name: str, settings: Settings) -> Config:
    """The options of a candidate at the scale of `base`.

    Where there are several temperatures they are learned from that scale on, for else they would
    be one. A sigmoid's shift starts at -10 in logits at any scale, as SigLIP's does (arXiv
    2303.15343, section 3.2), unless the settings say otherwise.

    Args:
        base: the options, with the scale that is tried.
        name: of the candidate, for messages.
        settings: its options.

    Raises:
        ConfigError: an option is refused.
    """
    if toml.objective(base.objective, base.model.modalities).loss == "sigmoid":
        base = replace(base, objective=replace(base.objective, bias_start=0.0))  # its own start
    text = toml.dumps(replace(base, optim=replace(base.optim, learn_scale=True)))
    try:  # at a scale of 1, which is below each optim.max_scale
        several = start_scales(toml.loads(text, (*settings, "optim.scale=1.0"))).ndim > 0
        config = toml.loads(text if several else toml.dumps(base), settings)
    except ConfigError as error:
        raise ConfigError(f"candidate {name}: {error}") from error
    rule = toml.objective(config.objective, config.model.modalities)
    if rule.loss == "sigmoid" and not any(s.startswith("objective.bias_start=") for s in settings):
        start = SIGLIP_SHIFT / config.optim.scale if rule.bias_unit == "cosine" else -SIGLIP_SHIFT
        config = replace(config, objective=replace(config.objective, bias_start=start))
    return config
