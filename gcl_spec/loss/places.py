"""The scales and shifts of logits: which block has which, each of them once.

A block of logits is scale * cosines + shift. One scale serves all blocks, or a direction, a pair of
modalities has its own (`gcl_spec.objective.Objective.scales`); hardness weights add blocks whose
scale is larger. A *place* is the number of a scale with its shift among all that are asked for.
"""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.objective import Objective, given_names, name_parts

__all__ = ["Constant", "Places", "Role", "has_axes"]

Role = Literal["plain", "hard", "weights"]
"""What a block's exponentials are: exp(s), exp(s + alpha cos), or exp(alpha cos)."""
Constant: TypeAlias = Callable[[Array], Array]
"""The function that gives an array without its gradient."""
_Pair: TypeAlias = tuple[int, int]
_BOTH: tuple[Role, Role] = ("plain", "hard")


def has_axes(x: Any) -> bool:
    """Whether these are several numbers: no number, no array of shape (), and not None."""
    return x is not None and not isinstance(x, Real) and len(x.shape) > 0


class _Key(NamedTuple):
    """What tells one place from another."""

    scale: int | _Pair | None
    """The direction or pair of modalities that has this scale; None where one serves all."""
    shift: _Pair | None
    """The pair of modalities that has this shift; None where one shift, or none, serves all."""
    role: Role


class Places:
    """The scales and shifts of an objective's logits.

    Args:
        objective: whose `scales`, `bias_unit` and `hardness` are obeyed.
        log_scale: ln(1 / temperature), a number, shape (), (T,), (M, M) or (G,).
        bias: shape () or (M, M), or None.
        like: an array of any shape, of the dtype to compute in.
        constant: an array without its gradient.
        xp: the Array API namespace of the arrays.
    """

    def __init__(
        self,
        objective: Objective,
        log_scale: Array | float,
        bias: Array | float | None,
        like: Array,
        constant: Constant,
        xp: ArrayNamespace,
    ) -> None:
        self._objective, self._log_scale, self._bias = objective, log_scale, bias
        self._like, self._constant, self._xp = like, constant, xp
        self._many = has_axes(log_scale)
        self._keys: dict[_Key, int] = {}
        self._scales: dict[_Key, Array | float] = {}
        self._shares: dict[_Key, Array | float] = {}

    @property
    def by_direction(self) -> bool:
        """Whether each direction has a scale of its own."""
        return self._many and self._objective.scales == "direction"

    @property
    def many_shifts(self) -> bool:
        """Whether each pair of modalities has a shift of its own."""
        return has_axes(self._bias)

    @property
    def shifts_differ(self) -> bool:
        """Whether some logits may be shifted by more than others."""
        in_cosines = self._bias is not None and self._objective.bias_unit == "cosine"
        return self.many_shifts or (in_cosines and self._many)

    def of(self, term: int, m: int, n: int, role: Role = "plain") -> int:
        """The place of the logits of a direction between two modalities; a new one is added."""
        return self._keys.setdefault(self._key(term, m, n, role), len(self._keys))

    def find(self, term: int, m: int, n: int, role: Role = "plain") -> int | None:
        """The place that `of` gave to such logits; None where none was asked for."""
        return self._keys.get(self._key(term, m, n, role))

    def scales(self) -> Array | float:
        """The scales of all places, (S,); a number or shape () where there is one place."""
        scales = [self._scale(key) for key in self._keys]
        return scales[0] if len(scales) == 1 else self._stack(scales)

    def shifts(self) -> Array | None:
        """The shifts of all places, (S,), or shape (), of a sigmoid's logits; None without one."""
        if self._bias is None or self._objective.loss != "sigmoid":
            return None
        shifts = [self._shift(key.shift, self._scale(key)) for key in self._keys]
        return self._number(shifts[0]) if len(shifts) == 1 else self._stack(shifts)

    def shift(self, term: int, m: int, n: int) -> Array | float | None:
        """The shift of a direction's logits between two modalities, a number or shape ()."""
        if self._bias is None:
            return None
        scale = self._scale(self._key(term, m, n, "plain"))
        return self._shift((m, n) if self.many_shifts else None, scale)

    def cosine_shift(self, term: int, m: int, n: int) -> Array | float:
        """The shift of a direction's cosines between two modalities, a number or shape ().

        Logits are scale * (cosine + shift); without a bias it is 0.
        """
        shift = self.shift(term, m, n)
        return 0.0 if shift is None else shift / self._scale(self._key(term, m, n, "plain"))

    def plain_share(self, term: int, m: int, n: int) -> Array | float:
        """The scale of logits over that of the same logits with hardness, a number or shape ()."""
        key = self._key(term, m, n, "plain")
        if key not in self._shares:
            plain, hard = (self._scale(key._replace(role=role)) for role in _BOTH)
            self._shares[key] = plain / hard
        return self._shares[key]

    def held_back(self, term: int, m: int, n: int, hard: Array) -> Array:
        """Log-sums with hardness, (B,), whose weights are constants where the objective says so.

        It is derived here: d log sum exp((s + a) c) is p (s + a) dc for the share p, and p s dc
        with a constant weight exp(a c), so s / (s + a) of the derivative stays. The scale in
        `scales` makes up for its own derivative.
        """
        if self._objective.hardness_weights != "detached":
            return hard
        part = self._detached_share(self._key(term, m, n, "hard"))
        some = hard > -self._xp.inf  # a part of 0, where the scale is far larger, times -inf is NaN
        known = self._xp.where(some, hard, self._xp.zeros_like(hard))
        held = part * known + (1 - part) * self._constant(known)
        return self._xp.where(some, held, -self._xp.inf)

    def _key(self, term: int, m: int, n: int, role: Role) -> _Key:
        """What tells the place of such logits from others."""
        scale: int | _Pair | None = None
        if self._many and role != "weights":
            # The temperature of two modalities is the same in both orders, and so is its place.
            ordered = self._objective.scales == "pair"
            scale = term if self.by_direction else (m, n) if ordered else (min(m, n), max(m, n))
        # A softmax's shift is added to sums of blocks, which are then the same for all shifts.
        inside = self._objective.loss == "sigmoid" and self.many_shifts
        return _Key(scale, (m, n) if inside else None, role)

    def _detached_share(self, key: _Key) -> Array | float:
        """s / (s + alpha) without its gradient, a number or shape ()."""
        plain = self._scale(key._replace(role="plain"))
        share = plain / (plain + self._objective.hardness)
        return share if isinstance(share, Real) else self._constant(share)

    def _scale(self, key: _Key) -> Array | float:
        """The scale of a place, a number or shape (), made once."""
        key = key._replace(shift=None)
        if key not in self._scales:
            self._scales[key] = self._new_scale(key)
        return self._scales[key]

    def _new_scale(self, key: _Key) -> Array | float:
        if key.role == "weights":
            return self._objective.hardness
        plain = self._plain(key.scale)
        if key.role == "plain":
            return plain
        hard = plain + self._objective.hardness
        if self._objective.hardness_weights == "attached" or isinstance(plain, Real):
            return hard
        # The value of `hard`, with the derivative that `held_back` takes a share of.
        more = (plain - self._constant(plain)) / self._detached_share(key)
        return self._constant(hard) + more

    def _plain(self, key: int | _Pair | None) -> Array | float:
        """The scale exp(log_scale) of a direction or pair, a number or shape ()."""
        x: Any = self._log_scale
        if isinstance(x, Real):
            return math.exp(float(x))
        if key is None:
            return self._exp(x)
        if isinstance(key, int):
            return self._exp(x[key])
        if self._objective.scales == "pair":
            return self._exp(x[key[0], key[1]])
        # e5-omni (arXiv 2601.03666): the mean of the two rows' temperatures, in the wider dtype.
        mean = 0.5 * (self._temperature(key[0]) + self._temperature(key[1]))
        return self._xp.astype(1 / mean, self._like.dtype)

    def _temperature(self, m: int) -> Array:
        """The temperature of a modality, shape (): the mean of its parts' temperatures."""
        names = given_names(self._objective.modalities)
        parts = [names.index(part) for part in name_parts(self._objective.modalities[m])]
        wide = self._wide(self._log_scale)
        return sum(self._xp.exp(-wide[part]) for part in parts) / len(parts)

    def _exp(self, log_scale: Array) -> Array:
        return self._xp.astype(self._xp.exp(self._wide(log_scale)), self._like.dtype)

    def _wide(self, x: Array) -> Array:
        """A number in the wider of its dtype and that of the rows.

        Rounding ln(scale) costs more digits than rounding the scale.
        """
        return self._xp.astype(x, self._xp.result_type(x, self._like))

    def _shift(self, pair: _Pair | None, scale: Array | float) -> Array | float:
        """The shift of logits, a number or shape ()."""
        bias: Any = self._bias
        if not isinstance(bias, Real):
            bias = self._xp.astype(bias if pair is None else bias[pair], self._like.dtype)
        return -scale * bias if self._objective.bias_unit == "cosine" else bias

    def _stack(self, numbers: list[Any]) -> Array:
        return self._xp.stack([self._number(x) for x in numbers])

    def _number(self, x: Array | float) -> Array:
        """A number as an array of shape (), on the device of the rows."""
        if isinstance(x, Real):
            return self._xp.full_like(
                self._xp.sum(self._like[:0, :0]), float(x)
            )  # there may be no rows
        return x
