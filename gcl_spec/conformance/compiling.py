"""How JAX compiles for `gcl verify-backends`, where most of the time is that of a compiler."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["quick_flags"]

_WITHOUT_LLVM = "--xla_backend_optimization_level=0"
"""Programs are compiled sooner without LLVM's optimisations."""

_OLDER_LOOPS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
"""Programs are compiled sooner still where XLA's older generator writes their loops, and does not
cut a program into parts for many threads."""

_KNOWN = "0.10."
"""The versions of jaxlib that have these flags: XLA ends a process over a flag it does not know."""


def quick_flags(jaxlib: str | None = None) -> str:
    """The flags of XLA by which the few cases without `--thorough` are compiled quickly.

    Args:
        jaxlib: a version of jaxlib; that of the installed one where it is not given.

    >>> quick_flags("0.12.1")
    '--xla_backend_optimization_level=0'
    """
    release = _installed() if jaxlib is None else jaxlib
    return f"{_WITHOUT_LLVM} {_OLDER_LOOPS}" if release.startswith(_KNOWN) else _WITHOUT_LLVM


def _installed() -> str:
    """The version of jaxlib that is installed, or "" where there is none."""
    try:
        return version("jaxlib")
    except PackageNotFoundError:
        return ""
