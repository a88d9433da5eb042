"""The presets: objectives by the names that their users know, each with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gcl_spec.errors import ConfigError
from gcl_spec.objective.direction import Direction, all_directions
from gcl_spec.objective.family import Objective
from gcl_spec.objective.names import given_names, name_parts

__all__ = ["CLIP", "GCL", "PAIRWISE", "PRESETS", "SEPARATION", "TRIPLETS", "preset"]

GCL = Objective()
"""Equation 2: six directions, one pool of all three modalities, without the query itself."""

CLIP = Objective(modalities=("image", "text"), pool="target", self_term="keep")
"""Equation 1: image to text and text to image, each with its target modality as pool."""

PAIRWISE = Objective(pool="target", self_term="keep")
"""Equation 1 extended to the six directions of image, text and fused rows."""

SEPARATION = Objective(
    modalities=("image", "text"),
    directions=(
        Direction("image", "text"),
        Direction("text", "image"),
        Direction("image", "text", 0.5, pool="query"),
        Direction("text", "image", 0.5, pool="query"),
    ),
    pool="target",
    reduction="sum",
)
"""CLIP's loss plus AlignCLIP's intra-modal separation (arXiv 2406.17639), alpha 1 and beta 0.5."""

TRIPLETS = Objective(
    directions=(Direction("image+text", "image"), Direction("text", "image+text")),
    pool="target",
    self_term="keep",
)
"""Composed triplets: (image, text) to image, and text to (image, text), each against its target.

It is the paper's baseline "CL + triplets" (arXiv 2509.25638, table 1); the kinds are those of
VISTA's data (arXiv 2406.04292).
"""

SIGLIP = Objective(modalities=("image", "text"), pool="target", loss="sigmoid")
"""SigLIP (arXiv 2303.15343, algorithm 1): a sigmoid on each pair of an image and a text.

In the paper `bias` starts at -10, and the scale at 10.
"""

E5_OMNI = Objective(same_sample="drop", scales="modality", debias=0.1)
"""e5-omni (arXiv 2601.03666): a temperature for each modality, and a debiased denominator.

In the paper each positive has a pool of its own. This library lacks its term on covariances.
"""

LLAVE = Objective(pool="target", self_term="keep", hardness=9.0, hardness_weights="detached")
"""LLaVE (arXiv 2503.04812, equation 5, alpha 9) on the six directions of `PAIRWISE`."""

RZENEMBED = Objective(same_sample="drop", hardness=9.0)
"""RzenEmbed's hardness weights (arXiv 2510.27350) in GCL's pool.

Alpha is LLaVE's, for theirs is not known to this library. That negatives are dropped which are more
similar to the query than its positive, by some margin, is no part of this library.
"""

_TRIPLETS_OF_VIDEOS = (Direction("image+text", "video"), Direction("video+text", "video"))
"""The triplets of WebVid-CoVR (arXiv 2308.14746): a frame or a video, with an edit, to a video."""


def _without(*directions: str) -> Objective:
    """GCL without some directions, each given as "query->target", as in the paper's table 5."""
    return Objective(directions=tuple(d for d in GCL.directions if str(d) not in directions))


PRESETS: Mapping[str, Objective] = MappingProxyType(
    {
        "gcl": GCL,
        "gcl-drop": Objective(same_sample="drop"),
        "gcl-keep-self": Objective(self_term="keep"),
        "gcl-without-i-t": _without("image->text", "text->image"),
        "gcl-without-to-it": _without("image->image+text", "text->image+text"),
        "gcl-without-from-it": _without("image+text->image", "image+text->text"),
        "clip": CLIP,
        "pairwise": PAIRWISE,
        "separation": SEPARATION,
        "triplets": TRIPLETS,
        "trident": Objective(positives=1.0),
        "trident-joint": Objective(positives=0.0),
        "trident-masked": Objective(same_sample="drop"),
        "siglip": SIGLIP,
        "siglip-all": Objective(loss="sigmoid", bias_unit="cosine"),
        "e5-omni": E5_OMNI,
        "llave": LLAVE,
        "rzenembed": RZENEMBED,
    }
)
"""The presets by name.

`trident` is the multi-positive loss of arXiv 2610.11816 with every view as query, `trident-joint`
its joint form, and `trident-masked` that with masked siblings, which is `gcl-drop`.
`gcl-keep-self` is equation 2 as it is typeset, whose text and figure 3 leave the query out.
`siglip-all` is SigLIP's loss on all pairs of modalities (arXiv 2509.18552).
"""


def preset(name: str, modalities: Sequence[str] | None = None) -> Objective:
    """The objective of this name in `PRESETS`, on the modalities of a model.

    One of all pairs, such as GCL, takes all of the modalities, and CLIP's all that are not fused.
    One of chosen directions keeps them; but the triplets of a model of videos are of all kinds that
    its modalities allow, such as (video, text) to video.

    Args:
        name: a key of `PRESETS`.
        modalities: those that a model gives; the preset's own when not given.

    Raises:
        ConfigError: there is no such objective, or it has modalities that are not given.

    >>> preset("gcl", ["audio", "text"]).modalities, preset("clip", GCL.modalities) == CLIP
    (('audio', 'text'), True)
    """
    if name not in PRESETS:
        raise ConfigError(f"no objective {name!r}; there are {', '.join(PRESETS)}")
    objective = PRESETS[name]
    if modalities is None:
        return objective
    if objective.directions == all_directions(objective.modalities):
        fuses = any(len(name_parts(modality)) > 1 for modality in objective.modalities)
        names = tuple(modalities) if fuses else given_names(modalities)
        return replace(objective, modalities=names, directions=())
    if objective == TRIPLETS and "video" in modalities:
        every = (*objective.directions, *_TRIPLETS_OF_VIDEOS)
        kept = tuple(d for d in every if {d.query, d.target} <= {*modalities})
        used = {name for direction in kept for name in (direction.query, direction.target)}
        if kept:
            names = tuple(name for name in modalities if name in used)
            return replace(objective, modalities=names, directions=kept)
    lacking = [modality for modality in objective.modalities if modality not in modalities]
    if lacking:
        raise ConfigError(
            f"objective.preset = {name!r} contrasts {', '.join(lacking)}, of which the model gives "
            f"no embedding; model.modalities are {', '.join(modalities)}"
        )
    return objective
