"""Kernels of frameworks that others declare: a fake one, from a fake distribution's entry point."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from gcl_spec.backend import FrameworkKernel, PartialKernel
from gcl_spec.errors import InputError, NotAKernelError
from gcl_spec.loss import gcl_loss, kernel
from gcl_spec.loss.plain import plain_blocks
from gcl_torch.loss.gathered_rows import ProcessGroup
from gcl_torch.loss.kernel import GramKernel
from gcl_torch.loss.ring import RingKernel

FRAMEWORK = '''
"""A framework of its own: arrays that wrap NumPy's, and functions that wrap NumPy's functions."""
import numpy as np
from array_api_compat import numpy as base

def _in(x):
    if isinstance(x, (list, tuple)):
        return type(x)(map(_in, x))
    return x.held if isinstance(x, Array) else x

def _out(x):
    if isinstance(x, tuple):
        return tuple(map(_out, x))
    return Array(x) if isinstance(x, (np.ndarray, np.generic)) else x

class Array:
    def __init__(self, held):
        self.held = held
    shape = property(lambda self: self.held.shape)
    dtype = property(lambda self: self.held.dtype)
    def __array_namespace__(self, *, api_version=None):
        return sys.modules[__name__]
    def __bool__(self):
        return bool(self.held)
    def __float__(self):
        return float(self.held)

def _operator(name):
    of_numpy = getattr(np.ndarray, name)
    return lambda x, *args: _out(of_numpy(np.asarray(x.held), *map(_in, args)))

for name in """getitem add radd sub rsub mul rmul truediv rtruediv matmul pow neg invert
               and rand or ror eq ne lt le gt ge""".split():
    setattr(Array, f"__{name}__", _operator(f"__{name}__"))

import sys

def __getattr__(name):
    found = getattr(base, name)
    if isinstance(found, type) or not callable(found):
        return found
    return lambda *args, **kwargs: _out(found(*map(_in, args), **kwargs))
'''

KERNEL = """
import made_up
from gcl_spec.loss.plain import plain_blocks

class Kernel:
    calls = 0
    def takes(self, x):
        return isinstance(x, made_up.Array)
    def readable(self, x):
        return x.held
    def __call__(self, problem, scale, /, *, xp):
        Kernel.calls += 1
        return plain_blocks(problem, scale, xp=xp)
"""


def declare(site: Path, name: str, value: str) -> None:
    folder = site / f"{value.partition(':')[0]}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {folder.name.removesuffix('-1.0.dist-info')}\nVersion: 1.0\n"
    )
    (folder / "entry_points.txt").write_text(f"[{kernel.GROUP}]\n{name} = {value}\n")


@pytest.fixture
def framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module `made_up`, for whose arrays nobody has declared a kernel yet."""
    (tmp_path / "made_up.py").write_text(FRAMEWORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(kernel, "_made", {})
    import made_up  # type: ignore[import-not-found]

    yield made_up
    for name in ("made_up", "made_up_kernel"):
        sys.modules.pop(name, None)


def rows() -> tuple[np.ndarray, np.ndarray]:
    image, text = np.random.default_rng(0).normal(size=(2, 5, 3))
    return image, text


def test_it_is_found_for_its_arrays_alone(framework: ModuleType, tmp_path: Path) -> None:
    declare(tmp_path, "made_up", "made_up_kernel:Kernel")
    (tmp_path / "made_up_kernel.py").write_text(KERNEL)
    image, text = rows()
    want = gcl_loss(image, text, log_scale=1.0)
    assert "made_up_kernel" not in sys.modules
    found = gcl_loss(framework.Array(image), framework.Array(text), log_scale=1.0)
    assert isinstance(found, framework.Array)
    assert float(found) == pytest.approx(float(want), rel=1e-12)
    own = kernel.framework_kernel(found)
    assert isinstance(own, FrameworkKernel)
    assert own.calls == 1  # type: ignore[attr-defined]
    assert kernel.framework_kernel(framework.Array(text)) is own
    assert kernel.framework_kernel(image) is None
    assert kernel.framework_kernel(torch.eye(2)) == GramKernel()
    gcl_loss(torch.eye(4), torch.eye(4), log_scale=0.0)
    assert own.calls == 1  # type: ignore[attr-defined]


def test_what_it_reads_is_checked(framework: ModuleType, tmp_path: Path) -> None:
    declare(tmp_path, "made_up", "made_up_kernel:Kernel")
    (tmp_path / "made_up_kernel.py").write_text(KERNEL)
    image, text = rows()
    text[3] = 0
    with pytest.raises(InputError, match="row 3 of 'text' has norm 0"):
        gcl_loss(framework.Array(image), framework.Array(text), log_scale=1.0)


def test_without_one_the_direct_kernel_serves(framework: ModuleType) -> None:
    image, text = rows()
    found = gcl_loss(framework.Array(image), framework.Array(text), log_scale=1.0)
    assert kernel.framework_kernel(found) is None
    assert float(found) == pytest.approx(float(gcl_loss(image, text, log_scale=1.0)), rel=1e-12)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('at\\nimport')", "cannot be made: RuntimeError: at import"),
        ("import nothing_of_this_name", "cannot be made: ModuleNotFoundError"),
        ("Kernel = None", "is no gcl_spec.backend.FrameworkKernel"),
        ("class Kernel:\n    def takes(self, x): return True", "which has takes and readable"),
    ],
)
def test_a_broken_one(framework: ModuleType, tmp_path: Path, code: str, message: str) -> None:
    declare(tmp_path, "made_up", "made_up_kernel:Kernel")
    (tmp_path / "made_up_kernel.py").write_text(code)
    image, text = map(framework.Array, rows())
    with pytest.raises(NotAKernelError, match=message) as raised:
        gcl_loss(image, text, log_scale=1.0)
    said = str(raised.value)
    assert said.startswith("kernel 'made_up' (made_up_kernel:Kernel)")
    assert said.endswith("; repair or uninstall made_up_kernel")
    assert "\n" not in said
    assert np.isfinite(gcl_loss(*rows(), log_scale=1.0))  # others' arrays are not concerned


def test_which_kernels_hold_a_part_of_the_batch() -> None:
    alone = object.__new__(ProcessGroup)
    assert isinstance(RingKernel(alone, 1.0, (3, 4)), PartialKernel)
    assert not isinstance(GramKernel(), PartialKernel)
    assert not isinstance(plain_blocks, PartialKernel)
