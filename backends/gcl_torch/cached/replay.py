"""What must be equal in two passes through an encoder: random numbers, buffers, autocast, DDP."""

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

    Followed are bound methods, partials, closures, globals that a function names, containers and
    the attributes of callable objects.
    """
    found: dict[int, Module] = {}
    seen: dict[int, Any] = {}
    level: list[Any] = [encode]
    for _ in range(_DEPTH):
        fresh = {id(x): x for x in level if id(x) not in seen}
        seen |= fresh
        found |= {id(x): x for x in fresh.values() if isinstance(x, Module)}
        level = [y for x in fresh.values() for y in _within(x)]
    return [*found.values(), *(m for m in further if id(m) not in found)]


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
        with suppress(ValueError):  # an empty cell: a name that was deleted or not yet bound
            yield cell.cell_contents


def _globals(function: FunctionType, code: CodeType) -> Iterator[Any]:
    for name in code.co_names:
        if name in function.__globals__:
            yield function.__globals__[name]
    for constant in code.co_consts:  # comprehensions and lambdas
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
        """Let the generators go on from here."""
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
            # All of them: BatchNorm's kernels change values without counting a version.
            if x is not None and copy is not None:
                x.copy_(copy)
            if owner._buffers.get(name) is not x:
                owner._buffers[name] = x


def _is_writable(x: torch.Tensor) -> bool:
    """Inference tensors and expanded ones cannot be written into, so a forward did not either."""
    expanded = any(n > 1 and step == 0 for n, step in zip(x.shape, x.stride(), strict=True))
    return not (expanded or x.is_inference())


class Surroundings:
    """Modules and devices that a step touches, and what has to be held still around it."""

    def __init__(self, modules: Iterable[Module], tensors: Iterable[torch.Tensor]) -> None:
        self.modules = list(modules)
        found = {x.device for x in tensors}
        for module in self.modules:
            found |= {x.device for x in (*module.parameters(), *module.buffers())}
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            # An encoder may move CPU inputs itself; sampling there uses the current device.
            found.add(torch.device("cuda", torch.cuda.current_device()))
        self.devices = [device for device in found if device.type not in ("cpu", "meta")]
        self._synced = list(_outermost_synced(self.modules))
        self._ddp = [m for m in self._synced if isinstance(m, DistributedDataParallel)]

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """No exchange of gradients between processes (DDP, FSDP)."""
        with ExitStack() as stack:
            for module in self._synced:
                stack.enter_context(module.no_sync())  # type: ignore[operator]
            yield

    @contextmanager
    def no_autocast(self) -> Iterator[None]:
        """Backward runs in the types of the forward, as it does outside of an autocast region."""
        with ExitStack() as stack:
            for kind in sorted({"cpu", *(device.type for device in self.devices)}):
                if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            yield

    def sync_buffers(self) -> None:
        """DDP's exchange of buffers, now instead of in the first forward.

        There it would come after a copy of the buffers was taken, and in the first pass only.
        """
        for module in self._ddp:
            if module._check_sync_bufs_pre_fwd():  # type: ignore[no-untyped-call]
                module._sync_buffers()  # type: ignore[no-untyped-call]
                module.require_forward_param_sync = False

    def in_any_process(self, flag: bool) -> bool:
        """Is it true in any of the processes that the DDP modules are spread over?

        DDP may communicate in a forward pass with graph (it rearranges its buckets once), so all
        processes must run the same passes.
        """
        for module in self._ddp:
            device = next(module.parameters()).device
            found = torch.tensor([float(flag)], device=device)
            dist.all_reduce(found, dist.ReduceOp.MAX, group=module.process_group)
            flag = bool(found.item())
        return flag

    def ddp_parameters_in(self, leaves: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        """Those of them that are parameters of DDP modules."""
        held = {id(p) for module in self._ddp for p in module.parameters()}
        return [x for x in leaves if id(x) in held]


def _outermost_synced(modules: Iterable[Module]) -> Iterator[Module]:
    inside: set[int] = set()
    for root in modules:
        for module in root.modules():
            # On the class: a compiled module hands attributes on, and would be taken twice.
            if id(module) not in inside and hasattr(type(module), "no_sync"):
                inside |= {id(m) for m in module.modules()}
                yield module


def leaves_of(value: torch.Tensor) -> Iterator[torch.Tensor]:
    """Tensors in the graph of `value` that take a gradient."""
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        nodes += [following for following, _ in node.next_functions]
