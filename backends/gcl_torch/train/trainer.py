"""The PyTorch trainer: towers, the verified loss, AdamW, on one process or many."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial, reduce
from math import log
from operator import add
from typing import Any

import numpy as np
import torch
from array_api_compat import torch as torch_namespace
from torch.nn.parallel import DistributedDataParallel

from gcl_spec._typing import FloatArray, State
from gcl_spec.batch import Batch, embeddings
from gcl_spec.config.options import Config
from gcl_spec.config.toml import objective
from gcl_spec.errors import InputError
from gcl_spec.loss.learned_numbers import learned_numbers
from gcl_spec.loss.projected import numbers_of
from gcl_spec.models.draws import step_seed
from gcl_spec.run.state import MOMENTS, Snapshot, StateLayout
from gcl_torch.cached.step import cached_step
from gcl_torch.loss.terms import gcl_terms
from gcl_torch.models.lora import add_lora, plain_name
from gcl_torch.models.recipes import make_model
from gcl_torch.train import shard as sharding
from gcl_torch.train.averages import averaged
from gcl_torch.train.fusing import Fusing
from gcl_torch.train.optimizer import BalancedBias, make_optimizer
from gcl_torch.train.world import join_world, own_device

__all__ = ["TorchTrainer"]


class TorchTrainer:
    """One model and its optimiser on one device, a `gcl_spec.backend.Trainer`.

    Each of several processes, which torchrun starts, has its own part of every batch. The state is
    the same on all.
    """

    def __init__(self, config: Config, *, device: str, state: State | None = None) -> None:
        self._config = config
        self._device = own_device(device)
        self.world = join_world(self._device)
        self._objective = objective(config.objective, config.model.modalities)
        self._model = make_model(config).to(self._device)
        if config.model.lora:
            add_lora(self._model, config, trained=any(".lora_" in name for name in state or ()))
        self._fusing = Fusing(self._model, config.model, self._objective)
        self._sharded = config.train.shard and self.world.size > 1
        if self._sharded:
            sharding.shard(self._model, config, self._device)
        named = {plain_name(name): p for name, p in self._model.named_parameters()}
        self._parameters = named
        self._trained = {name: p for name, p in named.items() if p.requires_grad}
        self._optimizer = make_optimizer(self._trained, config.optim, sharded=self._sharded)
        self._averages = (
            {name: p.detach().clone() for name, p in self._trained.items()}
            if config.optim.ema
            else {}
        )
        self._step = self._updates = 0
        self._seen: dict[str, torch.Tensor] = {}
        self._pairs = torch.zeros(0)
        self._totals: torch.Tensor | None = None
        if state is not None:
            self._load(state)
        self._forward = self._make_forward()

    def step(self, batch: Batch, /, *, lr: float) -> Mapping[str, torch.Tensor]:
        """Make one update, and return its scalars (`Trainer.step`)."""
        self._model.train()
        self._optimizer.zero_grad(set_to_none=True)
        with self._autocast(), self._draws():
            loss = cached_step(
                self._encode_part,
                self._inputs(batch) | self._labels(batch),
                partial(self._loss, batch.two_sided),
                microbatch=self._config.train.microbatch or max(len(batch), 1),
                modules=[self._forward],
            )
        if self._sharded:
            sharding.sum_apart(self._trained.values())
        grads = [p.grad for p in self._trained.values() if p.grad is not None]
        grad_norm = sharding.total_norm(grads)
        values = {"loss": loss, "grad_norm": grad_norm, **self._numbers()}
        values |= self._seen | self._fusing.seen()
        # Looking at a value waits for a GPU, so it is done there only where the config asks for it.
        if self._device.type == "cpu" or self._config.optim.skip_nonfinite:
            usable = bool(torch.isfinite(loss) & torch.isfinite(grad_norm))
            values["skipped"] = torch.tensor(float(not usable))
        else:
            usable = True
        if usable:
            self._update(grad_norm, lr)
        self._step += 1
        return values

    @torch.no_grad()
    def encode(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Unit rows by modality (`Trainer.encode`), by running means of weights if it has any."""
        self._model.eval()
        inputs = self._inputs(batch)
        model = averaged(self._model, self._trained, self._averages, sharded=self._sharded)
        with self._autocast():
            projections = model(inputs)
        rows = embeddings(
            {name: x.float() for name, x in projections.items()},
            self._config.model.modalities,
            fuse=self._config.model.fuse,
            weights=self._fusing.weights(self._averages),
            means=self._fusing.means(),
            present={n: torch.from_numpy(batch.has(n)).to(self._device) for n in projections},
            xp=torch_namespace,
        )
        return {name: np.asarray(z_BD.cpu().numpy()) for name, z_BD in rows.items()}

    @torch.inference_mode()
    def features(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Outputs of the frozen towers by modality (`Trainer.features`)."""
        self._model.eval()
        outputs = self._model.features(self._inputs(batch))
        return {name: x.float().cpu().numpy() for name, x in outputs.items()}

    def state(self) -> State:
        """The state (`Trainer.state`) without frozen towers of `lite`, which packages hold."""
        moments: dict[str, dict[str, np.ndarray[Any, Any]]] = {moment: {} for moment in MOMENTS}
        for name, parameter in self._trained.items():
            held = self._optimizer.state.get(parameter, {})
            for moment in MOMENTS:
                moments[moment][name] = _copy(held.get(moment, torch.zeros_like(parameter)))
        return Snapshot(
            parameters={name: _copy(p) for name, p in self._parameters.items()},
            buffers={plain_name(name): _copy(b) for name, b in self._buffers().items()},
            moments=moments,
            averages={name: _copy(x) for name, x in self._averages.items()},
            step=self._step,
            updates=self._updates,
        ).to_state()

    def _encode_part(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        # A joint encoder is asked for nothing that the objective does not contrast.
        given = {n: x for n, x in inputs.items() if "/" in n}
        rows = self._forward(given, self._objective.modalities)
        # The loss of one process sees every row of the others, so presence and ids travel along.
        labels = {name: x for name, x in inputs.items() if "/" not in name}
        return {name: x.float() for name, x in rows.items()} | labels

    def _loss(
        self, pairs: bool, /, *, present: torch.Tensor, ids: torch.Tensor, **rows: torch.Tensor
    ) -> torch.Tensor:
        """The loss of projections. It makes the rows of "a+b" itself, without a matrix product."""
        projected = self._fusing.projected(rows, present, ids, pairs=pairs)
        self._totals = self._fusing.totals(rows, present, spread=self.world.size > 1)
        of_loss = self._model.log_scale, self._model.logit_bias
        scale, bias = numbers_of(*of_loss, self._objective, pairs=pairs, xp=torch_namespace)
        try:
            terms = gcl_terms(
                projected.rows,
                log_scale=scale,
                bias=bias,
                objective=projected.objective,
                weights=projected.weights,
                present=projected.present,
                ids=projected.ids,
                group=None if self.world.size == 1 else torch.distributed.group.WORLD,
            )
        except InputError:
            # All processes come here together, because each has looked at the rows of all.
            known = (*rows.values(), *of_loss, self._model.log_fuse_ratio)
            summed = reduce(add, [x.sum() for x in known if x is not None])
            if not self.world.any(not bool(torch.isfinite(summed))):
                raise
            # NaN is also what a GPU gives, where the loss looks at no value: the step is skipped,
            # or the training stops.
            self._seen = {}
            return summed * torch.nan
        self._pairs = terms.pairs
        self._seen = {f"loss/{name}": x for name, x in terms.directions.items()}
        self._seen |= {f"gap/{name}": x for name, x in terms.gap.items()}
        return terms.loss

    def _numbers(self) -> dict[str, torch.Tensor]:
        """Temperatures and biases before the update, for the log."""
        log_scale, bias = self._model.log_scale.detach(), self._model.logit_bias
        shown = None if bias is None else bias.detach().clone()  # an update writes into it
        return learned_numbers(log_scale, shown, self._objective, xp=torch_namespace)

    def _update(self, grad_norm: torch.Tensor, lr: float) -> None:
        optim = self._config.optim
        balanced = BalancedBias.of(self._model.logit_bias, self._config.objective, self._objective)
        if optim.clip_norm:
            sharding.clip(self._trained.values(), optim.clip_norm, grad_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = lr * group["lr_ratio"]
        self._optimizer.step()
        self._updates += 1
        self._fusing.move(self._totals)
        if balanced is not None:
            balanced.move(self._pairs)
        with torch.no_grad():
            if self._model.log_scale.requires_grad:
                self._model.log_scale.clamp_(max=log(optim.max_scale))
            for name, average in self._averages.items():
                average.lerp_(self._trained[name], 1 - optim.ema)

    def _make_forward(self) -> torch.nn.Module:
        """The model that steps call: compiled where the config says so, and in DDP or sharded."""
        if self._config.train.compile:
            self._model.compile()
        if self.world.size == 1 or self._sharded:
            return self._model
        on_gpu = [self._device] if self._device.type == "cuda" else None
        return DistributedDataParallel(self._model, device_ids=on_gpu)

    def _autocast(self) -> AbstractContextManager[Any]:
        wanted = self._config.train.precision == "bfloat16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=wanted)

    @contextmanager
    def _draws(self) -> Iterator[None]:
        """A block whose random numbers depend on the run's seed, the step and the process alone."""
        if not self._model.draws:
            yield
            return
        gpus = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(step_seed(self._config.train.seed, self._step, self.world.rank))
            yield

    def _inputs(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(x).to(self._device) for name, x in batch.inputs.items()}

    def _labels(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Presence in the order of the model's given modalities, (B, G), and ids, (B,)."""
        present = torch.from_numpy(np.stack([batch.has(n) for n in self._model.given], axis=1))
        return {
            "present": present.to(self._device),
            "ids": torch.from_numpy(batch.ids).to(self._device),
        }

    def _buffers(self) -> dict[str, torch.Tensor]:
        """The buffers that a checkpoint holds; the others are made with the model, or of no use."""
        kept = self._model.state_dict(keep_vars=True)
        return {
            name: b
            for name, b in self._model.named_buffers()
            if name in kept and not name.endswith("num_batches_tracked")
        }

    @torch.no_grad()
    def _load(self, state: State) -> None:
        """Set weights, buffers, running means, moments and counts from a checkpoint's state."""
        buffers = {plain_name(name): b for name, b in self._buffers().items()}
        snapshot = StateLayout(
            parameters={name: tuple(p.shape) for name, p in self._parameters.items()},
            buffers={name: tuple(b.shape) for name, b in buffers.items()},
            trained=tuple(self._trained),
            averaged=bool(self._averages),
        ).read(state)
        for targets, values in (
            (self._parameters, snapshot.parameters),
            (buffers, snapshot.buffers),
            (self._averages, snapshot.averages or snapshot.parameters),
        ):
            for name, value in values.items():
                if name in targets:
                    sharding.assign(targets[name], torch.from_numpy(value.copy()))
        self._step, self._updates = snapshot.step, snapshot.updates
        for name, parameter in self._trained.items() if snapshot.moments else ():
            moments = {
                moment: sharding.like(
                    parameter.detach(), torch.from_numpy(snapshot.moments[moment][name].copy())
                )
                for moment in MOMENTS
            }
            step = torch.tensor(float(self._updates))
            self._optimizer.state[parameter] = {"step": step, **moments}


def _copy(x: torch.Tensor) -> np.ndarray[Any, Any]:
    return np.array(sharding.whole(x.detach()).cpu().numpy(), copy=True)
