"""What is contrasted with what: the family of objectives as frozen data, validated once.

Source: *Generalized Contrastive Learning for Universal Multimodal Retrieval*, arXiv 2509.25638,
equations 1 (CLIP's loss) and 2 (GCL), and the rivals that `Objective` names. The arithmetic is in
`gcl_spec.loss`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from gcl_spec.errors import ConfigError
from gcl_spec.objective.direction import Direction, Pool, all_directions
from gcl_spec.objective.names import check_name, given_names

__all__ = [
    "Balance",
    "BiasUnit",
    "Duplicates",
    "HardnessWeights",
    "Loss",
    "Objective",
    "Reduction",
    "SameSample",
    "Scales",
    "SelfTerm",
]

SelfTerm = Literal["mask", "keep"]
SameSample = Literal["keep", "drop"]
Duplicates = Literal["drop", "positive"]
Balance = Literal["pair", "direction"]
Reduction = Literal["mean", "sum"]
Loss = Literal["softmax", "sigmoid"]
Scales = Literal["direction", "pair", "modality"]
BiasUnit = Literal["logit", "cosine"]
HardnessWeights = Literal["attached", "detached"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A contrastive objective over any number of modalities.

    A *direction* (a, b) scores each row of a against a *pool* of candidate rows and raises the
    share of its positive, the row of b of the same sample, which competes in every pool. With the
    logit s_c = scale cos_c + bias of a candidate c, a direction's term is

        -s_b + log Z,    Z = sum over the pool of exp(s_c)     (arXiv 2509.25638, equation 2)

    and the fields below change it. N are the pool's rows of other samples. P are the row's
    positives: its own sample's rows of b and of the targets of all directions with the same query
    and pool that are of the pool's modalities themselves; b alone where it is not of the pool's, or
    with `same_sample = "drop"`. What else the pool holds of the own sample (the row itself that is
    kept, a row that is no direction's target) is in Z, and in neither P nor N. Rows that are not
    present are nowhere, and a sample has a term where its query and target are present.

    pool: "all" (equation 2: rows of every modality), "target" (equation 1: rows of b only) or
        "query" (intra-modal separation: the positive among the other samples' rows of a).
    self_term: is the query row itself in its pool? "mask" (the paper's text) or "keep" (equation 2
        as typeset).
    same_sample: do the query's own sample's rows of further modalities, whether positives of other
        directions or of none, compete in this one? "keep" (equation 2) or "drop".
    duplicates: samples with equal ids are not each other's negatives. "drop" takes them out of the
        pool; "positive" makes them further positives (the mean of the log terms, equation 2 of
        SupCon, arXiv 2004.11362), where `self_term` and `same_sample` apply to their rows as to the
        sample's own. A sample without the target itself has no term; a mean is of those that are
        present.
    balance: "pair": the sum of weight * term over all samples and directions that have a term, over
        the sum of these weights; "direction": the weighted mean of each direction's mean. Equal
        when every row is present.
    reduction: "mean" over directions, or "sum": that mean times the weights of all directions that
        have a term, as losses that are given as a sum of cross entropies have it.
    positives: "each" (equation 2), or a number lambda in [0, 1], which says how evenly a row's
        positives P are to share the softmax. With rho = sum_P exp(s) / Z and pi = the shares of P
        among themselves, the term is -log rho - lambda (log pi_b + log |P|), whose mean over P is
        L_lambda = -log rho + lambda KL(uniform || pi). At 1 it is equation 2 less log |P|, at 0
        the joint form of Trident (arXiv 2610.11816), for which any positive will do. With
        duplicates as positives log pi_b is the mean over the rows of b in P.
    scales: what the numbers of a `log_scale` with an axis belong to: "direction" (T,), "pair" of
        query and pool modality, (M, M), or "modality", one for each given modality in the order
        of `gcl_spec.objective.given_names`: the temperature of two rows is the mean of theirs, and
        that of a fused one the mean of its parts' (e5-omni, arXiv 2601.03666).
    bias_unit: `bias`, () or (M, M) by query and pool modality, is added to logits ("logit": as
        logit adjustment, arXiv 2007.07314, does for classes), or taken from cosines before these
        are scaled ("cosine": s = scale (cos - bias), the relative bias of arXiv 2509.18552).
    hardness: alpha >= 0. Each negative's exp(s) is weighted: "attached" by exp(alpha cos) over its
        mean over N (RzenEmbed, arXiv 2510.27350), with its gradient, or "detached" by exp(alpha
        cos) as a constant (equation 5 of LLaVE, arXiv 2503.04812). Captions damp this cos, too.
    debias: gamma in [0, 1). The negatives' sum is lessened by what false ones among them are
        thought to add, to max(sum_N - gamma sum_P, 0.001 sum_N) of exp(s) (debiased contrastive
        learning, arXiv 2007.00224; the floor is this library's).
    loss: "softmax", or "sigmoid" (SigLIP, arXiv 2303.15343): a direction's term is then
        softplus(-s_b) + 1/n sum_N softplus(s), with n the directions of the same query and the same
        modalities in the pool whose target the sample has, so that each pair of rows counts once.
        Rows of the own sample are never its negatives.
    """

    modalities: tuple[str, ...] = ("image", "text", "image+text")
    directions: tuple[Direction, ...] = ()
    pool: Pool = "all"
    self_term: SelfTerm = "mask"
    same_sample: SameSample = "keep"
    duplicates: Duplicates = "drop"
    balance: Balance = "pair"
    reduction: Reduction = "mean"
    positives: Literal["each"] | float = "each"
    scales: Scales = "direction"
    bias_unit: BiasUnit = "logit"
    hardness: float = 0.0
    hardness_weights: HardnessWeights = "attached"
    debias: float = 0.0
    loss: Loss = "softmax"

    def __post_init__(self) -> None:
        if len(self.modalities) < 2 or len(set(self.modalities)) != len(self.modalities):
            raise ConfigError(f"modalities {self.modalities}: give at least two, each once")
        for name in self.modalities:
            check_name(name)
        if not self.directions:
            object.__setattr__(self, "directions", all_directions(self.modalities))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} = {getattr(self, name)!r}: must be one of {', '.join(allowed)}"
                )
        self._check_numbers()
        for direction in self.directions:
            pool = self.pool_of(direction)
            named = {direction.query, direction.target, *(pool if isinstance(pool, tuple) else ())}
            unknown = sorted(named - {*self.modalities})
            if unknown:
                raise ConfigError(
                    f"direction {direction}: no modality {unknown[0]!r}; "
                    f"the modalities are {', '.join(self.modalities)}"
                )
        pairs = Counter((d.query, d.target, self.pool_names(d)) for d in self.directions)
        for query, target, _ in (pair for pair, times in pairs.items() if times > 1):
            raise ConfigError(
                f"direction {query}->{target} is given twice; give its weight instead"
            )
        _check_combination(self)

    def _check_numbers(self) -> None:
        """Refuse numbers out of their ranges; a NaN is in none."""
        numbers = {
            "positives": (self.positives, "'each', or a number from 0 to 1", 1.0),
            "hardness": (self.hardness, "a number of 0 or more", float("inf")),
            "debias": (self.debias, "a number from 0 to less than 1", 1.0),
        }
        for name, (value, wanted, most) in numbers.items():
            if name == "positives" and value == "each":
                continue
            right = isinstance(value, Real) and not isinstance(value, bool)
            inside = right and 0.0 <= float(value) <= most and float(value) < float("inf")
            if not inside or (name == "debias" and value == most):
                raise ConfigError(f"{name} = {value!r}: must be {wanted}")

    def pool_of(self, direction: Direction) -> Pool | tuple[str, ...]:
        """The pool of one of the directions: its own, or the objective's."""
        return direction.pool or self.pool

    @property
    def scale_shape(self) -> tuple[int, ...]:
        """The shape of a `log_scale` with a number for each direction, pair, or modality."""
        modalities = len(self.modalities)
        shapes = {
            "direction": (len(self.directions),),
            "pair": (modalities, modalities),
            "modality": (len(given_names(self.modalities)),),
        }
        return shapes[self.scales]

    def pool_names(self, direction: Direction) -> tuple[str, ...]:
        """The modalities whose rows of other samples compete in a direction, in their order."""
        pool = self.pool_of(direction)
        words = {"all": self.modalities, "target": (direction.target,), "query": (direction.query,)}
        names = pool if isinstance(pool, tuple) else words[pool]
        return tuple(name for name in self.modalities if name in names)


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "pool": get_args(Pool),
    "self_term": get_args(SelfTerm),
    "same_sample": get_args(SameSample),
    "duplicates": get_args(Duplicates),
    "balance": get_args(Balance),
    "reduction": get_args(Reduction),
    "scales": get_args(Scales),
    "bias_unit": get_args(BiasUnit),
    "hardness_weights": get_args(HardnessWeights),
    "loss": get_args(Loss),
}


def _check_combination(objective: Objective) -> None:
    """Refuse settings that contradict each other, or have no effect beside each other."""
    if objective.loss == "sigmoid":
        _check_sigmoid(objective)
    if objective.positives != "each":
        _check_positives(objective)
    if objective.hardness == 0.0 and objective.hardness_weights == "detached":
        raise ConfigError(
            "hardness_weights = 'detached' weights nothing where hardness = 0: give hardness, too"
        )


def _check_sigmoid(objective: Objective) -> None:
    """Refuse what belongs to a softmax: a sigmoid looks at each pair of rows by itself."""
    shared = {
        "positives": objective.positives != "each",
        "hardness": objective.hardness > 0.0,
        "debias": objective.debias > 0.0,
    }
    for name in (name for name, given in shared.items() if given):
        raise ConfigError(
            f"{name} = {getattr(objective, name)!r} with loss = 'sigmoid': it changes a softmax's "
            "sum, which a sigmoid, on each pair of rows alone, has not"
        )
    if objective.duplicates == "positive":
        raise ConfigError(
            "duplicates = 'positive' with loss = 'sigmoid': a direction has one positive there; "
            "duplicates = 'drop' leaves equal samples out"
        )
    if objective.self_term == "keep" and any(
        direction.query in objective.pool_names(direction) for direction in objective.directions
    ):
        raise ConfigError(
            "self_term = 'keep' with loss = 'sigmoid': a row would be a negative of itself; "
            "self_term = 'mask' leaves it out"
        )


def _check_positives(objective: Objective) -> None:
    """Refuse shares among positives where every softmax has one alone."""
    if objective.duplicates == "positive":
        return
    if objective.same_sample == "drop":
        raise ConfigError(
            f"positives = {objective.positives!r} with same_sample = 'drop': each positive has a "
            "pool without the others, so there are no shares among them; use positives = 'each'"
        )
    pools = ((d, objective.pool_names(d)) for d in objective.directions)
    shared = Counter((d.query, names) for d, names in pools if d.target in names)
    if max(shared.values(), default=0) < 2:
        raise ConfigError(
            f"positives = {objective.positives!r}: no two directions share a query and a pool that "
            "holds the targets of both, so no row has two positives; use positives = 'each', or "
            "pool = 'all'"
        )
