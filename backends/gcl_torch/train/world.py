"""The processes that torchrun started, as the training loop sees them."""

import os
import re

import torch
import torch.distributed as dist

from gcl_spec.backend import World
from gcl_spec.errors import ConfigError
from gcl_spec.train.world import single

__all__ = ["TorchWorld", "join_world"]


# Gloo and NCCL (torch 2.13) raise a RuntimeError, which only its text tells from others.
_LOST = re.compile("gloo|nccl|connection|socket|timed out|process group|store", re.IGNORECASE)


class TorchWorld:
    """The `gcl_spec.backend.World` of the default process group."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._device = device
        self.host = os.environ.get("MASTER_ADDR", "")

    def barrier(self) -> None:
        """Wait until all processes are here."""
        dist.barrier()

    def any(self, flag: bool, /) -> bool:
        """Is it true in any process?"""
        flag_tensor = torch.tensor([float(flag)], device=self._device)
        dist.all_reduce(flag_tensor, dist.ReduceOp.MAX)
        return bool(flag_tensor.item())

    def first(self, number: int, /) -> int:
        """Process 0's number."""
        number_tensor = torch.tensor([number], device=self._device)
        dist.broadcast(number_tensor, 0)
        return int(number_tensor.item())

    def lost(self, error: Exception, /) -> bool:
        """Has an exchange failed?"""
        if isinstance(error, dist.DistError):
            return True
        return isinstance(error, RuntimeError) and _LOST.search(str(error)) is not None


def join_world(device: torch.device) -> World:
    """The processes of this run, joined where torchrun asks for it; else this one alone.

    Raises:
        ConfigError: torchrun's variables are there, but the processes do not find each other.
    """
    if not dist.is_available():
        return single()
    if not dist.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return single()
        try:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        except (dist.DistError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"the processes of this run do not find each other: {error}; start them with "
                "torchrun --nproc-per-node=N -m gcl_cli ..."
            ) from error
    return TorchWorld(device) if dist.get_world_size() > 1 else single()


def own_device(name: str) -> torch.device:
    """The device of this process; each of several processes takes the GPU of its local rank."""
    local = os.environ.get("LOCAL_RANK")
    if name.startswith("cuda") and local is not None:
        torch.cuda.set_device(int(local))
        return torch.device("cuda", int(local))
    return torch.device(name)
