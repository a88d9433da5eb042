"""Keeps equal what must be equal in two passes through an encoder.

That is: random numbers, buffers, autocast and DDP's exchanges.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import torch
import torch.distributed as dist
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import get_device_states, set_device_states

__all__ = ["Buffers", "RandomState", "Surroundings", "leaves_of", "modules_of"]

_DEPTH = 4


def modules_of(encode: Callable[..., Any], further: Iterable[Module] = ()) -> list[Module]:
    """The modules that a callable can reach, outermost first and each once, then `further`.

    It follows bound methods, partials, closures, globals that a function names, containers and the
    attributes of callable objects.
    """
    modules: dict[int, Module] = {}
    seen: dict[int, Any] = {}
    level: list[Any] = [encode]
    for _ in range(_DEPTH):
        fresh = {id(x): x for x in level if id(x) not in seen}
        seen |= fresh
        modules |= {id(x): x for x in fresh.values() if isinstance(x, Module)}
        level = [y for x in fresh.values() for y in _within(x)]
    return [*modules.values(), *(m for m in further if id(m) not in modules)]


def _within(x: Any) -> Iterable[Any]:
    if isinstance(x, Module | type):
        return ()
    if isinstance(x, partial):
        return (x.func, *x.args, *x.keywords.values())
    if isinstance(x, MethodType):
        return (x.__func__, x.__self__, *getattr(x.__self__, "__dict__", {}).values())
    if isinstance(x, FunctionType):
        wrapped = getattr(x, "__wrapped__", None)
        defaults = (*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values())
        return (*_cells(x), *_globals(x, x.__code__), *defaults, wrapped)
    if isinstance(x, dict):
        return x.values()
    if isinstance(x, list | tuple):
        return x
    return vars(x).values() if callable(x) and hasattr(x, "__dict__") else ()


def _cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # the cell of a name that was deleted or not yet bound is empty
            yield cell.cell_contents


def _globals(function: FunctionType, code: CodeType) -> Iterator[Any]:
    for name in code.co_names:
        if name in function.__globals__:
            yield function.__globals__[name]
    for constant in code.co_consts:  # the code of comprehensions and lambdas
        if isinstance(constant, CodeType):
            yield from _globals(function, constant)


class RandomState:
    """The state of the default generators of the CPU and of `devices`."""

    def __init__(self, devices: Iterable[torch.device]) -> None:
        probes = [torch.empty(0, device=device) for device in devices]
        self._cpu = torch.get_rng_state()
        self._ids, self._states = get_device_states(*probes)
        self._type = probes[0].device.type if probes else None

    def restore(self) -> None:
        """Set the generators back to this state."""
        torch.set_rng_state(self._cpu)
        if self._type is not None:
            set_device_states(self._ids, self._states, device_type=self._type)


class Buffers:
    """A copy of the modules' buffers, such as the running statistics of BatchNorm."""

    def __init__(self, modules: Iterable[Module]) -> None:
        owners = {id(m): m for root in modules for m in root.modules()}
        self._slots = [
            (owner, name, x, x.clone() if x is not None and _is_writable(x) else None)
            for owner in owners.values()
            for name, x in owner._buffers.items()
        ]

    @torch.no_grad()
    def restore(self) -> None:
        """Put back the values, and the tensors where others were put in their place."""
        for owner, name, x, copy in self._slots:
            # All values are put back, since BatchNorm's kernels change some without a new version.
            if x is not None and copy is not None:
                x.copy_(copy)
            if owner._buffers.get(name) is not x:
                owner._buffers[name] = x


def _is_writable(x: torch.Tensor) -> bool:
    """Can a tensor be written into? Inference tensors and expanded ones cannot."""
    expanded = any(n > 1 and step == 0 for n, step in zip(x.shape, x.stride(), strict=True))
    return not (expanded or x.is_inference())


class Surroundings:
    """The modules and devices that a step touches, and what has to be held still around it.

    Args:
        modules: the modules of the step.
        tensors: its inputs, of any shape, whose devices count.
    """

    def __init__(self, modules: Iterable[Module], tensors: Iterable[torch.Tensor]) -> None:
        self.modules = list(modules)
        devices = {x.device for x in tensors}
        for module in self.modules:
            devices |= {x.device for x in (*module.parameters(), *module.buffers())}
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            # An encoder may move CPU inputs itself, and sampling there uses the current device.
            devices.add(torch.device("cuda", torch.cuda.current_device()))
        self.devices = [device for device in devices if device.type not in ("cpu", "meta")]
        self._synced = list(_outermost_synced(self.modules))
        self._ddp = [m for m in self._synced if isinstance(m, DistributedDataParallel)]

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A block without exchange of gradients between processes (DDP, FSDP)."""
        with ExitStack() as stack:
            for module in self._synced:
                stack.enter_context(module.no_sync())  # type: ignore[operator]
            yield

    @contextmanager
    def no_autocast(self) -> Iterator[None]:
        """A block without autocast, so that backward runs in the types of the forward."""
        with ExitStack() as stack:
            for kind in sorted({"cpu", *(device.type for device in self.devices)}):
                if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            yield

    def sync_buffers(self) -> None:
        """Exchange buffers as DDP does, now instead of in the first forward.

        In the first forward the exchange would come after a copy of the buffers was taken, and in
        the first pass only.
        """
        for module in self._ddp:
            if module._check_sync_bufs_pre_fwd():  # type: ignore[no-untyped-call]
                module._sync_buffers()  # type: ignore[no-untyped-call]
                module.require_forward_param_sync = False

    def in_any_process(self, flag: bool) -> bool:
        """Is the flag true in any of the processes over which the DDP modules are spread?

        DDP may communicate in a forward pass with graph (it rearranges its buckets once), so all
        processes must run the same passes.
        """
        for module in self._ddp:
            device = next(module.parameters()).device
            flag_tensor = torch.tensor([float(flag)], device=device)
            dist.all_reduce(flag_tensor, dist.ReduceOp.MAX, group=module.process_group)
            flag = bool(flag_tensor.item())
        return flag

    def ddp_parameters_in(self, leaves: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        """The leaves, of any shape, that are parameters of DDP modules."""
        held = {id(p) for module in self._ddp for p in module.parameters()}
        return [x for x in leaves if id(x) in held]


def _outermost_synced(modules: Iterable[Module]) -> Iterator[Module]:
    inside: set[int] = set()
    for root in modules:
        for module in root.modules():
            # The class is asked, since a compiled module hands attributes on and would count twice.
            if id(module) not in inside and hasattr(type(module), "no_sync"):
                inside |= {id(m) for m in module.modules()}
                yield module


def leaves_of(value: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors, of any shape, in the graph of `value`, of any shape, that take a gradient."""
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        nodes += [following for following, _ in node.next_functions]
