"""The PyTorch trainer: towers, the verified loss, AdamW."""

from collections.abc import Mapping
from math import log
from typing import Any

import numpy as np
import torch
from array_api_compat import torch as torch_namespace

from gcl_spec._typing import FloatArray, State
from gcl_spec.batch import Batch, embeddings
from gcl_spec.checkpoint import check
from gcl_spec.config import Config
from gcl_spec.config_io import objective
from gcl_spec.errors import CheckpointError
from gcl_spec.normalize import l2_normalize
from gcl_torch.loss import gcl_loss
from gcl_torch.model import LiteModel

__all__ = ["TorchTrainer"]

_MODALITIES = ("image", "text", "image+text")
_MOMENTS = ("exp_avg", "exp_avg_sq")


class TorchTrainer:
    """One model and its optimiser on one device; see `gcl_spec.backend.Trainer`."""

    def __init__(self, config: Config, *, device: str, state: State | None = None) -> None:
        self._config = config
        self._device = torch.device(device)
        self._objective = objective(config.objective)
        self._model = LiteModel(config).to(self._device)
        self._trained = {name: p for name, p in self._model.named_parameters() if p.requires_grad}
        self._optimizer = self._make_optimizer()
        self._step = 0
        if state is not None:
            self._load(state)

    def step(self, batch: Batch, /, *, lr: float) -> Mapping[str, torch.Tensor]:
        """See `Trainer.step`; waits for the device nowhere."""
        self._model.train()
        loss = self._loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        grads = [p.grad for p in self._trained.values() if p.grad is not None]
        grad_norm = torch.nn.utils.get_total_norm(grads)
        for group in self._optimizer.param_groups:
            group["lr"] = lr * group["lr_ratio"]
        scale = self._model.log_scale.detach().exp()
        self._optimizer.step()
        self._step += 1
        if self._model.log_scale.requires_grad:
            with torch.no_grad():
                self._model.log_scale.clamp_(max=log(self._config.optim.max_scale))
        return {"loss": loss.detach(), "scale": scale, "grad_norm": grad_norm}

    @torch.no_grad()
    def encode(self, batch: Batch, /) -> FloatArray:
        """See `Trainer.encode`."""
        self._model.eval()
        return np.asarray(self._embed(batch).float().cpu().numpy())

    @torch.inference_mode()
    def features(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """See `Trainer.features`."""
        self._model.eval()
        found = self._model.features(self._inputs(batch))
        return {name: x.float().cpu().numpy() for name, x in found.items()}

    def state(self) -> State:
        """See `Trainer.state`; frozen towers are not in it, their packages hold them."""
        state: dict[str, np.ndarray[Any, Any]] = {
            f"params/{name}": _copy(p) for name, p in self._model.named_parameters()
        }
        state |= {f"buffers/{name}": _copy(b) for name, b in self._model.named_buffers()}
        for name, parameter in self._trained.items():
            moments = self._optimizer.state.get(parameter, {})
            for moment in _MOMENTS:
                value = moments.get(moment, torch.zeros_like(parameter))
                state[f"optim/{moment}/{name}"] = _copy(value)
        state["step"] = np.asarray(self._step, np.int64)
        return state

    def _loss(self, batch: Batch) -> torch.Tensor:
        """Of unit rows; "image+text" is fused inside, where it costs no product of its own."""
        image, text = self._model(self._inputs(batch))
        flags = torch.from_numpy(batch.present).to(self._device)
        known = {*self._objective.modalities, "image", "text"}
        present = {name: flags[m] for m, name in enumerate(_MODALITIES) if name in known}
        weights = None
        if self._config.model.fuse == "raw":
            weights = (
                torch.linalg.vector_norm(image, dim=1),
                torch.linalg.vector_norm(text, dim=1),
            )
        return gcl_loss(
            l2_normalize(image, xp=torch_namespace),
            l2_normalize(text, xp=torch_namespace),
            log_scale=self._model.log_scale,
            objective=self._objective,
            weights=weights,
            present=present,
            ids=torch.from_numpy(batch.ids).to(self._device),
        )

    def _embed(self, batch: Batch) -> torch.Tensor:
        image, text = self._model(self._inputs(batch))
        present = torch.from_numpy(batch.present).to(self._device)
        z_MBD: torch.Tensor = embeddings(
            image,
            text,
            fuse=self._config.model.fuse,
            present_MB=present,
            xp=torch_namespace,
        )
        return z_MBD

    def _inputs(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(x).to(self._device) for name, x in batch.inputs.items()}

    def _make_optimizer(self) -> torch.optim.AdamW:
        optim = self._config.optim
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self._trained.items():
            groups.setdefault((parameter.ndim >= 2, "_tower." in name), []).append(parameter)
        return torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "weight_decay": optim.weight_decay if is_matrix else 0.0,
                    "lr_ratio": optim.tower_lr / optim.lr if in_tower else 1.0,
                }
                for (is_matrix, in_tower), parameters in groups.items()
            ],
            lr=optim.lr,
            betas=(optim.beta1, optim.beta2),
            eps=optim.eps,
        )

    def _load(self, state: State) -> None:
        """All of a checkpoint; or its weights alone, where there are no optimiser moments.

        With weights alone the temperature starts at the config's: it belongs to the new run.

        Raises:
            CheckpointError: an entry is lacking, of another model, or holds impossible numbers.
        """
        check(state, where="checkpoint")
        whole = any(name.startswith("optim/") for name in state)
        names = dict(self._model.named_parameters()) | dict(self._model.named_buffers())
        wanted = {_kind(self._model, name) + name: x for name, x in names.items()}
        moments = {f"optim/{m}/{name}" for name in self._trained for m in _MOMENTS}
        foreign = [n for n in state if n not in {*wanted, *moments, "step"}]
        if foreign:
            raise CheckpointError(
                f"checkpoint holds {foreign[0]!r}, which this model does not train; "
                "model.freeze_towers and the other model options must be those of the run"
            )
        if not whole:
            wanted.pop("params/log_scale")
            # A run with frozen towers has none: they go on from their pretrained weights.
            wanted = {n: x for n, x in wanted.items() if "_tower." not in n or n in state}
        with torch.no_grad():
            for name, target in wanted.items():
                target.copy_(_read(state, name, target))
        if not whole:
            return
        self._step = int(_get(state, "step"))
        for name, parameter in self._trained.items():
            read = {m: _read(state, f"optim/{m}/{name}", parameter) for m in _MOMENTS}
            if bool((read["exp_avg_sq"] < 0).any()):
                raise CheckpointError(
                    f"checkpoint's 'optim/exp_avg_sq/{name}' holds negative numbers, but is a mean "
                    "of squares; take an earlier checkpoint"
                )
            step = torch.tensor(float(self._step))
            self._optimizer.state[parameter] = {"step": step, **read}


def _kind(model: torch.nn.Module, name: str) -> str:
    return "buffers/" if name in dict(model.named_buffers()) else "params/"


def _get(state: State, name: str) -> np.ndarray[Any, Any]:
    if name not in state:
        raise CheckpointError(
            f"checkpoint has no {name!r}; was it written with another model or other trained parts?"
        )
    return state[name]


def _read(state: State, name: str, like: torch.Tensor) -> torch.Tensor:
    value = _get(state, name)
    if value.shape != tuple(like.shape):
        raise CheckpointError(
            f"checkpoint's {name!r} has shape {value.shape}, the model's {tuple(like.shape)}; "
            "the model options must be those of the run"
        )
    wanted = str(like.dtype).removeprefix("torch.")
    if value.dtype.name != wanted:
        raise CheckpointError(
            f"checkpoint's {name!r} is {value.dtype.name}, the model's {wanted}; "
            "was it written by another program?"
        )
    return torch.from_numpy(value.copy()).to(like.device)


def _copy(x: torch.Tensor) -> np.ndarray[Any, Any]:
    return np.array(x.detach().cpu().numpy(), copy=True)
