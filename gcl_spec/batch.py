"""Mixed-modality batches: what each sample has, and the embeddings of every modality by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add, and_
from typing import get_args

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace, BoolArray, IntArray
from gcl_spec.errors import ConfigError
from gcl_spec.normalize import centred, l2_normalize
from gcl_spec.objective import Fuse, name_parts

__all__ = ["Batch", "Fuse", "embeddings"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The inputs of B samples, framework-neutral.

    inputs: arrays with B as first axis, named "<modality>/<input>":
        "image/pixels" (B, H, W, 3) uint8, or "image/features" (B, F) float32 outputs of a frozen
        tower; "text/input_ids" and "text/attention_mask" (B, L) int64, or "text/features" (B, F);
        "<modality>/features" of any other modality. Where a sample lacks a modality its row is zero
        and `present` says so. A modality that no sample has may be left out, but of several
        processes all have inputs of the same names.
    present: (B,) booleans by the name of a given modality; one that is left out, no sample has.
    ids: (B,) integers; samples with equal ids are not each other's negatives.
    two_sided: are the rows those of B / 2 samples, a query and behind it its target
        (`gcl_spec.loss.two_sided`)?
    """

    inputs: Mapping[str, npt.NDArray[np.generic]]
    present: Mapping[str, BoolArray]
    ids: IntArray
    two_sided: bool = False

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def has(self, modality: str) -> BoolArray:
        """Does a sample have a modality? Shape (B,); a fused one, "a+b", needs all of its parts.

        >>> flags = {"image": np.asarray([True, True]), "text": np.asarray([True, False])}
        >>> batch = Batch({}, flags, np.arange(2))
        >>> batch.has("image+text").tolist(), batch.has("audio").tolist()
        ([True, False], [False, False])
        """
        none_B = np.zeros(len(self), bool)
        parts = [self.present.get(part, none_B) for part in name_parts(modality)]
        flags_B: BoolArray = np.all(np.stack(parts), axis=0)
        return flags_B


def embeddings(
    projections: Mapping[str, Array],
    modalities: Iterable[str],
    *,
    fuse: Fuse = "raw",
    weights: Mapping[str, tuple[Array, Array]] | None = None,
    means: Mapping[str, Array] | None = None,
    present: Mapping[str, Array] | None = None,
    xp: ArrayNamespace | None = None,
) -> dict[str, Array]:
    """Unit embeddings of given modalities and of fused ones, which are encoded or score fusion.

    They are e_a = a / |a|, e_b = b / |b|, and e_ab = (a + b) / |a + b| of the projections as they
    come ("raw", where the longer one has the larger say) or of the unit embeddings ("unit"): the
    score fusion of UniIR (arXiv 2311.17136). "learned" is (w_a e_a + w_b e_b) / |w_a e_a + w_b e_b|
    with weights that the model has learned. With "centred" e_a = norm(a / |a| - m_a), with the mean
    m_a of unit rows, and e_ab = norm(e_a + e_b). Where a model encodes "a+b" itself, and so has
    projections of it, e_ab is made of these alone.

    Args:
        projections: outputs of the model by the name of the modality, (B, D), of any norm.
        modalities: which embeddings are wanted, such as "image" and "image+text".
        fuse: "raw", "unit", "learned" or "centred"; "joint" where all fused ones have projections.
        weights: of the two parts of each fused modality, shape () each, for "learned".
        means: of the unit rows of each modality with projections, (D,) each, for "centred".
        present: (B,) booleans by modality; rows that are not present are zero with zero gradient.
            A fused row is present where all of its parts are, unless it has flags of its own.
        xp: the Array API namespace; found from the arrays when not given.

    Returns:
        Arrays (B, D) by modality, in the order of `modalities`.

    Raises:
        ConfigError: `fuse` is another word, or "joint" and projections are missing, or "learned"
            and weights are, or "centred" and means are.

    >>> rows = {"image": np.asarray([[3.0, 0.0]]), "text": np.asarray([[0.0, 4.0]])}
    >>> embeddings(rows, ["image+text"])["image+text"]
    array([[0.6, 0.8]])
    >>> embeddings(rows, ["image+text"], fuse="unit")["image+text"].round(3)
    array([[0.707, 0.707]])
    """
    xp = array_namespace(*projections.values()) if xp is None else xp
    if fuse not in get_args(Fuse):
        raise ConfigError(
            f"fuse = {fuse!r}: must be raw, unit, learned or centred, or joint for joint encoders"
        )
    flags = present or {}
    kept = {name: _where(x, _here(name, flags), xp) for name, x in projections.items()}
    units = {name: l2_normalize(x, xp=xp) for name, x in kept.items()}
    if fuse == "centred":
        units = {
            name: _where(centred(x, _mean_of(name, means), xp=xp), _here(name, flags), xp)
            for name, x in units.items()
        }
    rows = {}
    for name in modalities:
        if name in units or len(name_parts(name)) == 1:
            rows[name] = units[name]
            continue
        if fuse == "joint":
            raise ConfigError(f"fuse = 'joint': the model does not encode {name} itself")
        parts = [(kept if fuse == "raw" else units)[part] for part in name_parts(name)]
        if fuse == "learned":
            if name not in (weights or {}):
                raise ConfigError(f"fuse = 'learned': no weights of the parts of {name}")
            parts = [w * x for w, x in zip((weights or {})[name], parts, strict=True)]
        total = reduce(add, parts)
        rows[name] = _where(l2_normalize(total, xp=xp), _here(name, flags), xp)
    return rows


def _mean_of(name: str, means: Mapping[str, Array] | None) -> Array:
    """The mean (D,) of the unit rows of a modality."""
    if name not in (means or {}):
        raise ConfigError(f"fuse = 'centred': no mean of the rows of {name}")
    return (means or {})[name]


def _here(name: str, flags: Mapping[str, Array]) -> Array | None:
    """The flags (B,) of a modality: its own, or those of its parts together."""
    known = [flags[part] for part in name_parts(name) if part in flags]
    return flags.get(name, reduce(and_, known) if known else None)


def _where(x_BD: Array, present_B: Array | None, xp: ArrayNamespace) -> Array:
    """The rows (B, D), with zeros in place of those that are not present."""
    return x_BD if present_B is None else xp.where(present_B[:, None], x_BD, xp.zeros_like(x_BD))
