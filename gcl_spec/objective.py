"""What is contrasted with what: the objective as frozen data, and the presets.

Source: *Generalized Contrastive Learning for Universal Multimodal Retrieval*, arXiv 2509.25638,
equations 1 (CLIP's loss) and 2 (GCL). The arithmetic is in `gcl_spec.loss`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from types import MappingProxyType
from typing import Literal, get_args

from gcl_spec._typing import Array
from gcl_spec.errors import ConfigError

__all__ = [
    "CLIP",
    "GCL",
    "PAIRWISE",
    "PRESETS",
    "SEPARATION",
    "TRIPLETS",
    "Direction",
    "Objective",
    "all_directions",
    "fusion_weights",
    "given_names",
    "in_order",
    "name_parts",
    "preset",
    "same_parts",
]

Pool = Literal["all", "target", "query"]
SelfTerm = Literal["mask", "keep"]
SameSample = Literal["keep", "drop"]
Duplicates = Literal["drop", "positive"]
Balance = Literal["pair", "direction"]
Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, slots=True)
class Direction:
    """One search that is trained: rows of `query` look for their own sample's row of `target`.

    weight: the direction's share of the loss. Only ratios count where the objective is a mean over
        directions: equal weights of any size are then the same.
    pool: which rows compete, as in `Objective`, for this direction alone; the objective's when
        None.
    """

    query: str
    target: str
    weight: float = 1.0
    pool: Pool | None = None

    def __post_init__(self) -> None:
        if self.query == self.target:
            raise ConfigError(
                f"direction {self.query}->{self.target}: query and target must differ; "
                "a row's positive is the same sample in another modality"
            )
        if not 0.0 < self.weight < float("inf"):
            raise ConfigError(
                f"direction {self.query}->{self.target}: weight {self.weight} must be positive and "
                "finite; leave the direction out to switch it off"
            )
        if self.pool is not None and self.pool not in get_args(Pool):
            raise ConfigError(
                f"direction {self.query}->{self.target}: pool = {self.pool!r}: must be one of "
                f"{', '.join(get_args(Pool))}"
            )

    def __str__(self) -> str:
        return f"{self.query}->{self.target}"


def name_parts(modality: str) -> tuple[str, ...]:
    """The given modalities that a name is made of: itself, or the parts of a fused one.

    >>> name_parts("text"), name_parts("image+text")
    (('text',), ('image', 'text'))
    """
    return tuple(modality.split("+"))


def given_names(modalities: Iterable[str]) -> tuple[str, ...]:
    """The modalities that inputs are given for: those that are not fused, and parts of these.

    >>> given_names(("image", "text", "image+text")), given_names(["text+audio", "text"])
    (('image', 'text'), ('text', 'audio'))
    """
    names = tuple(modalities)
    single = [name for name in names if len(name_parts(name)) == 1]
    return tuple(dict.fromkeys((*single, *(part for n in names for part in name_parts(n)))))


def same_parts(parts: Iterable[str], modalities: Iterable[str]) -> str | None:
    """The modality that is made of exactly these parts, in any order; None where there is none.

    >>> same_parts(["text", "audio"], ("text", "audio+text"))
    'audio+text'
    """
    wanted = {*parts}
    return next((name for name in modalities if {*name_parts(name)} == wanted), None)


def in_order(modalities: Iterable[str]) -> tuple[str, ...]:
    """Each name once: given modalities in alphabetical order, then those of two parts, and so on.

    >>> in_order(["image+text", "text", "image", "audio", "text"])
    ('audio', 'image', 'text', 'image+text')
    """
    return tuple(sorted({*modalities}, key=lambda name: (len(name_parts(name)), name)))


def fusion_weights(
    objective: "Objective", norms: Mapping[str, Array]
) -> dict[str, tuple[Array, Array]]:
    """The weights of unit rows that give the fusion of the rows before they were normalised.

    Args:
        objective: whose fused modalities "a+b" are weighted.
        norms: the norms (B,) of the rows of each given modality.

    Returns:
        The weights (B,) of "a" and of "b", by the name of the fused modality.
    """
    fused = {name: name_parts(name) for name in objective.modalities}
    return {n: (norms[p[0]], norms[p[1]]) for n, p in fused.items() if len(p) == 2}


def all_directions(modalities: tuple[str, ...]) -> tuple[Direction, ...]:
    """All ordered pairs of different modalities, the set P of equation 2, each with weight 1."""
    return tuple(Direction(query, target) for query, target in permutations(modalities, 2))


@dataclass(frozen=True, slots=True)
class Objective:
    """A contrastive objective over any number of modalities, which is validated once, here.

    A *direction* (a, b) scores each row of a against a *pool* of candidate rows and raises the
    share of its positive, the row of b of the same sample.

    pool: "all" (equation 2: rows of every modality), "target" (equation 1: rows of b only) or
        "query" (intra-modal separation: the positive among the other samples' rows of a).
    self_term: is the query row itself in its pool? "mask" (the paper's text) or "keep" (equation 2
        as typeset).
    same_sample: do the query's own sample's further modalities, which are positives of other
        directions, compete in this one? "keep" (equation 2) or "drop".
    duplicates: samples with equal ids are not each other's negatives. "drop" takes them out of the
        pool; "positive" makes them further positives (the mean of the log terms, equation 2 of
        SupCon, arXiv 2004.11362), where `self_term` and `same_sample` apply to their rows as to the
        sample's own.
    balance: "pair" (mean over all valid (sample, direction) terms) or "direction" (mean of each
        direction's mean). Equal when every row is present.
    reduction: "mean" over directions, or "sum": the weighted sum of the directions' terms, as
        losses that are given as a sum of cross entropies have it.
    """

    modalities: tuple[str, ...] = ("image", "text", "image+text")
    directions: tuple[Direction, ...] = ()
    pool: Pool = "all"
    self_term: SelfTerm = "mask"
    same_sample: SameSample = "keep"
    duplicates: Duplicates = "drop"
    balance: Balance = "pair"
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        if len(self.modalities) < 2 or len(set(self.modalities)) != len(self.modalities):
            raise ConfigError(f"modalities {self.modalities}: give at least two, each once")
        if not self.directions:
            object.__setattr__(self, "directions", all_directions(self.modalities))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} = {getattr(self, name)!r}: must be one of {', '.join(allowed)}"
                )
        pairs = [(d.query, d.target, self.pool_of(d)) for d in self.directions]
        for direction, pair in zip(self.directions, pairs, strict=True):
            unknown = sorted(set(pair[:2]) - set(self.modalities))
            if unknown:
                raise ConfigError(
                    f"direction {direction}: no modality {unknown[0]!r}; "
                    f"the modalities are {', '.join(self.modalities)}"
                )
            if pairs.count(pair) > 1:
                raise ConfigError(f"direction {direction} is given twice; give its weight instead")

    def pool_of(self, direction: Direction) -> Pool:
        """The pool of one of the directions: its own, or the objective's."""
        return direction.pool or self.pool


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "pool": get_args(Pool),
    "self_term": get_args(SelfTerm),
    "same_sample": get_args(SameSample),
    "duplicates": get_args(Duplicates),
    "balance": get_args(Balance),
    "reduction": get_args(Reduction),
}

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
"""Composed triplets: (image, text) to image, and text to (image, text), each against its target."""

_TRIPLETS_OF_VIDEOS = (Direction("image+text", "video"), Direction("video+text", "video"))
"""WebVid-CoVR's (arXiv 2308.14746): a frame of a video, or all of it, with an edit to a video."""


def _without(a: str, b: str) -> Objective:
    """The paper's table 5: GCL without the two directions between `a` and `b`."""
    return Objective(directions=tuple(d for d in GCL.directions if {d.query, d.target} != {a, b}))


PRESETS: Mapping[str, Objective] = MappingProxyType(
    {
        "gcl": GCL,
        "gcl-drop": Objective(same_sample="drop"),
        "gcl-keep-self": Objective(self_term="keep"),
        "gcl-without-i-t": _without("image", "text"),
        "gcl-without-i-it": _without("image", "image+text"),
        "gcl-without-t-it": _without("text", "image+text"),
        "clip": CLIP,
        "pairwise": PAIRWISE,
        "separation": SEPARATION,
        "triplets": TRIPLETS,
    }
)


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
    found = PRESETS[name]
    if modalities is None:
        return found
    if found.directions == all_directions(found.modalities):
        fuses = any(len(name_parts(modality)) > 1 for modality in found.modalities)
        names = tuple(modalities) if fuses else given_names(modalities)
        return replace(found, modalities=names, directions=())
    if found == TRIPLETS and "video" in modalities:
        every = (*found.directions, *_TRIPLETS_OF_VIDEOS)
        kept = tuple(d for d in every if {d.query, d.target} <= {*modalities})
        used = {name for direction in kept for name in (direction.query, direction.target)}
        if kept:
            names = tuple(name for name in modalities if name in used)
            return replace(found, modalities=names, directions=kept)
    lacking = [modality for modality in found.modalities if modality not in modalities]
    if lacking:
        raise ConfigError(
            f"objective.preset = {name!r} contrasts {', '.join(lacking)}, of which the model gives "
            f"no embedding; model.modalities are {', '.join(modalities)}"
        )
    return found
