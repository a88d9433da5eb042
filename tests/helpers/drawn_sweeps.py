"""Sweeps with drawn hits."""

import numpy as np

from gcl_spec.evaluate.sweeps.compositions import compositions
from gcl_spec.evaluate.sweeps.result import Measured, Sweep

_NAMES = ("image", "text", "image+text")
_COUNTS = (12, 20, 7)


def drawn_sweep(seed: int, *, better: float = 0.0, count: int = 67) -> Sweep:
    """A sweep of compositions of three modalities, by 39 queries.

    In a pool of pictures alone no picture is asked.

    Args:
        seed: of the hits.
        better: what is added to them, kept within 0 and 1.
        count: how many compositions.
    """
    rng = np.random.default_rng(seed)
    kinds_Q = np.repeat(range(3), _COUNTS)
    found = []
    for one in compositions(3)[:count]:
        values_Q = np.clip(rng.random(len(kinds_Q)) + better, 0, 1)
        asked_Q = (kinds_Q != 0) | (one.weights[0] < sum(one.weights))
        hit = {
            name: (float(values_Q[kinds_Q == n].mean()),) * 3
            for n, name in enumerate(_NAMES)
            if asked_Q[kinds_Q == n].any()
        }
        values = tuple(x if a else None for x, a in zip(values_Q.tolist(), asked_Q, strict=True))
        top = dict.fromkeys(hit, one.shares)
        asked = {name: int(asked_Q[kinds_Q == n].sum()) for n, name in enumerate(_NAMES)}
        found.append(Measured(one, one.counts(20), 10, hit, top, asked, values))
    queries = tuple((f"q{n}", _NAMES[kind]) for n, kind in enumerate(kinds_Q.tolist()))
    return Sweep(_NAMES, 20, 0, queries, tuple(found))
