"""One training step as a pure function: forward, loss, backward, update."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from gcl_jax.cached.step import cached_value_and_grad
from gcl_jax.loss.terms import gcl_terms
from gcl_jax.models.functional import Functional, Params
from gcl_jax.train.optimizer import AdamW
from gcl_jax.train.world import AXIS, JaxWorld
from gcl_spec.loss.learned_numbers import learned_numbers
from gcl_spec.loss.part_means import by_modality, moved, row_totals
from gcl_spec.loss.projected import numbers_of, of_projections
from gcl_spec.loss.shares import balanced_bias
from gcl_spec.models.fusion import COUNTS, MEANS, RATIO
from gcl_spec.models.start import IN_THE_LOSS
from gcl_spec.objective import Fuse, Objective, ratio_weights, shares_of_first

__all__ = ["StepOptions", "cast", "make_step"]


_PAIRS, _TOTALS = "pairs", "totals"


@dataclass(frozen=True)
class StepOptions:
    """The options of a config that belong to the step (`gcl_spec.config.options` has them)."""

    objective: Objective
    given: tuple[str, ...]
    """The model's given modalities, in the order of the columns of "present"."""
    fuse: Fuse
    precision: str
    microbatch: int
    max_log_scale: float | None
    """The value to which a learned temperature is clamped; None: it is not learned."""
    ema: float
    shares: tuple[tuple[str, float], ...] | None = None
    """The shares that the bias holds, by modality; None where it does not."""
    summed: tuple[str, ...] = ()
    """The fused modalities that are sums of their parts, in the order of learned ratios."""
    two_sided: bool = False
    """Are the rows of a batch queries, and behind each its target?"""


def make_step(
    model: Functional, rules: AdamW, options: StepOptions, world: JaxWorld
) -> Callable[..., Any]:
    """A function `step(moving, still, buffers, batch, lr, draw) -> (moving, values)`, to compile.

    moving: trained parameters, optimiser, running means of parameters, and the buffers that move,
    which are those by which rows are centred. still: parameters that are not trained. buffers: the
    other buffers. batch: inputs by name, "present" (B, G) and "ids" (B,). draw: a key of JAX for
    what the model draws, or None. values: scalars for the log.
    """
    loss = _spread_loss(options, world)

    def step(
        moving: Any, still: Params, buffers: Params, batch: Params, lr: jax.Array, draw: Any = None
    ) -> Any:
        trained, optimizer, averages, centres = moving
        of_loss = {n: x for n, x in (trained | still).items() if n in IN_THE_LOSS}
        encode = _encoder(model, options, still | of_loss, buffers | centres)
        size = batch["ids"].shape[0]
        towers = {n: x for n, x in trained.items() if n not in of_loss}
        both = cached_value_and_grad(
            encode, loss, microbatch=options.microbatch * world.size or size, has_aux=True
        )
        known = of_loss | {n: x for n, x in centres.items() if n == MEANS}
        (value, seen), (grads, by_loss) = both(towers, batch, known, rng=draw)
        grads |= {n: g for n, g in by_loss.items() if n in trained}
        norm = jnp.sqrt(sum(jnp.sum(g * g) for g in grads.values()))
        new, held = rules.update(rules.cut(grads, norm), optimizer, trained, lr)
        seen, pairs = {n: x for n, x in seen.items() if n != _PAIRS}, seen.get(_PAIRS)
        new |= _held_numbers(options, new, trained, by_loss, pairs)
        means = {n: options.ema * x + (1 - options.ema) * new[n] for n, x in averages.items()}
        new_centres, seen = _moved(centres, seen)
        usable = jnp.isfinite(value) & jnp.isfinite(norm)
        kept = jax.tree.map(
            lambda a, b: jnp.where(usable, a, b), (new, held, means, new_centres), moving
        )
        skipped = 1 - usable.astype(jnp.float32)
        numbers = of_loss["log_scale"], of_loss.get("logit_bias")
        shown = learned_numbers(*numbers, options.objective, xp=jnp)
        shown |= shares_of_first(ratio_weights(of_loss.get(RATIO), options.summed, xp=jnp))
        return kept, {"loss": value, "grad_norm": norm, "skipped": skipped} | shown | seen

    return step


def _held_numbers(
    options: StepOptions, new: Params, trained: Params, by_loss: Params, pairs: Any
) -> Params:
    """The temperature and the bias after a step, where the options bound or balance them.

    Args:
        options: the options of the step.
        new: the parameters after the optimiser's update.
        trained: the parameters before it.
        by_loss: the gradients by the parameters of the loss.
        pairs: the samples that have both sides of each direction, (T,), where a bias is balanced.
    """
    held: Params = {}
    if options.shares is not None:
        old = trained["logit_bias"], by_loss["logit_bias"]
        shares = dict(options.shares)
        held["logit_bias"] = balanced_bias(*old, pairs, options.objective, shares, xp=jnp)
    if options.max_log_scale is not None:
        held["log_scale"] = jnp.minimum(new["log_scale"], options.max_log_scale)
    return held


def _moved(centres: Params, seen: Params) -> tuple[Params, Params]:
    """The means by which rows are centred after a step, and the values that the log shows."""
    if not centres:
        return centres, seen
    shown = {n: x for n, x in seen.items() if n != _TOTALS}
    means, counts = moved(centres[MEANS], centres[COUNTS], seen[_TOTALS], xp=jnp)
    return {MEANS: means, COUNTS: counts}, shown


def _encoder(
    model: Functional, options: StepOptions, known: Params, buffers: Params
) -> Callable[..., Params]:
    """The function from parameters and inputs to projections and labels, (B, ...) each."""
    wanted = options.objective.modalities

    def encode(params: Params, part: Params, rng: Any = None) -> Params:
        inputs = {n: x for n, x in part.items() if "/" in n}
        whole, inputs = cast((known | params, inputs), options.precision)
        rows = model.call(whole, buffers, lambda module: module(inputs, wanted, rng))
        labels = {n: x for n, x in part.items() if n not in inputs}
        return {n: jnp.float32(x) for n, x in rows.items()} | labels

    return encode


def cast(tree: Any, precision: str) -> Any:
    """A tree with its floating arrays in the precision of the towers."""
    if precision == "float32":
        return tree
    wide = jnp.dtype(precision)
    return jax.tree.map(
        lambda x: x.astype(wide) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def _spread_loss(options: StepOptions, world: JaxWorld) -> Callable[..., Any]:
    """The loss of rows that lie on one device, or on all of a mesh, which share its work."""
    loss = partial(_loss, options)
    if len(world.devices) == 1:
        return loss
    whole, rows = PartitionSpec(), PartitionSpec(AXIS)  # type: ignore[no-untyped-call]

    def spread(of_loss: Params, **parts: jax.Array) -> Any:
        run = jax.shard_map(
            lambda s, p: loss(s, **p, axis_name=AXIS),
            mesh=world.mesh,
            in_specs=(whole, rows),
            out_specs=whole,
        )
        return run(of_loss, parts)  # type: ignore[no-untyped-call]

    return spread


def _loss(
    options: StepOptions,
    of_loss: Params,
    *,
    present: jax.Array,
    ids: jax.Array,
    axis_name: str | None = None,
    **rows: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The loss of projections; it fuses "a+b" itself, which costs no product of its own."""
    flags = dict(zip(options.given, present.T, strict=True))
    pairs, weights = options.two_sided, ratio_weights(of_loss.get(RATIO), options.summed, xp=jnp)
    made = of_projections(
        rows,
        flags,
        ids,
        options.objective,
        fuse=options.fuse,
        weights=weights,
        means=by_modality(jax.lax.stop_gradient(of_loss.get(MEANS)), options.given),
        pairs=pairs,
        xp=jnp,
    )
    numbers = of_loss["log_scale"], of_loss.get("logit_bias")
    scale, bias = numbers_of(*numbers, options.objective, pairs=pairs, xp=jnp)
    losses = gcl_terms(
        made.rows,
        log_scale=scale,
        bias=bias,
        objective=made.objective,
        weights=made.weights,
        present=made.present,
        ids=made.ids,
        axis_name=axis_name,
    )
    seen = {f"loss/{name}": x for name, x in losses.directions.items()}
    if options.shares is not None:
        seen[_PAIRS] = losses.pairs
    if MEANS in of_loss:
        seen[_TOTALS] = _totals(row_totals(rows, flags, options.given, xp=jnp), axis_name)
    return losses.loss, seen | {f"gap/{name}": x for name, x in losses.gap.items()}


def _totals(own_GE: jax.Array, axis_name: str | None) -> jax.Array:
    """The sums and numbers (G, D + 1) of the rows of all devices, without gradient."""
    still = jax.lax.stop_gradient(own_GE)
    if axis_name is None:
        return still
    return jnp.asarray(jax.lax.psum(still, axis_name))  # type: ignore[no-untyped-call]
