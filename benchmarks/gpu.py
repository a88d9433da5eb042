"""What holds on a CUDA device, and what it costs there: one command of under eight minutes.

    python benchmarks/gpu.py --out gpu

Backends against the reference, the laws of the objective, the loss of 4k, 32k and 65k pairs in
float32 and with bfloat16 rows beside the equation by hand and in chunks, and training steps of a
ViT-B/32 drawn at random; PyTorch's, and JAX's where it sees a GPU. Each part is a process with a
time limit; one that fails is a row with its reason. It writes gpu.md and gpu.json, and ends with 1
where something failed, and with 2 where there is no CUDA device.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gpu_parts import PARTS, Row, Settings

SECONDS = 460.0
"""All parts together end by then."""

LIMITS = {
    ("verify", "torch"): 90, ("laws", "torch"): 45, ("loss", "torch"): 110, ("step", "torch"): 60,
    ("verify", "jax"): 90, ("laws", "jax"): 60, ("loss", "jax"): 60, ("step", "jax"): 60,
}  # fmt: skip
"""The parts in their order, and the seconds that each may take."""

HEAD = ("part", "backend", "case", "ms", "peak MB", "result")


def main(words: Sequence[str] | None = None) -> int:
    """Run all parts, or one of them, and write what came of them; the exit code."""
    given = parser().parse_args(words)
    if given.part:
        for row in rows_of(given.part, given.backend, settings(given)):
            print(json.dumps(row), flush=True)
        return 0
    missing = "" if given.device == "cpu" else no_cuda()
    if missing:
        print(f"no CUDA device: {missing}", file=sys.stderr)
        return 2
    began, all_rows = time.monotonic(), []
    for (part, backend), limit in LIMITS.items():
        if backend not in given.backends:
            continue
        left = min(float(limit), SECONDS - (time.monotonic() - began))
        rows = rows_of(part, backend, settings(given)) if given.here else asked(
            command(given, part, backend), part, backend, left
        )  # fmt: skip
        for row in rows:
            all_rows.append(row)
            print(line_of(row), flush=True)
    write(given.out, all_rows, time.monotonic() - began)
    return int(any(row["result"] != "ok" and not row.get("absent") for row in all_rows))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--out", type=Path, default=Path("gpu"), help="folder of gpu.md, gpu.json")
    made.add_argument("--device", default="cuda", help="cuda, or cpu to try the script")
    made.add_argument("--sizes", type=int, nargs="+", default=[4096, 32768, 65536])
    made.add_argument("--backends", nargs="+", default=["torch", "jax"])
    made.add_argument("--quick", action="store_true", help="few cases, and a tiny model")
    made.add_argument("--here", action="store_true", help="in this process, without time limits")
    made.add_argument("--part", choices=list(PARTS), help="one part alone: its rows as JSON lines")
    made.add_argument("--backend", default="torch", help="of --part")
    return made


def settings(given: argparse.Namespace) -> Settings:
    return Settings(given.device, tuple(given.sizes), given.quick)


def no_cuda() -> str:
    """Why there is no CUDA device; "" where there is one."""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    return "" if torch.cuda.is_available() else f"torch {torch.__version__} sees none"


def rows_of(part: str, backend: str, how: Settings) -> Iterator[Row]:
    """The rows of a part; an error becomes the last one."""
    try:
        for row in PARTS[part](backend, how):
            yield {"part": part, "backend": backend, **row}
    except Exception as error:
        yield failure(part, backend, error)


def failure(part: str, backend: str, error: object) -> Row:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    return {"part": part, "backend": backend, "case": "all", "result": f"failed: {reason:.200}"}


def command(given: argparse.Namespace, part: str, backend: str) -> list[str]:
    words = [sys.executable, __file__, "--part", part, "--backend", backend]
    words += ["--device", given.device, "--sizes", *map(str, given.sizes)]
    return [*words, "--quick"] if given.quick else words


def asked(words: Sequence[str], part: str, backend: str, limit: float) -> list[Row]:
    """The rows that a process printed before its end, or before its time was over.

    Args:
        words: the command.
        part, backend: of the row that says that the process failed.
        limit: seconds.
    """
    if limit <= 0:
        return [failure(part, backend, f"no time was left of {SECONDS:.0f} s")]
    # JAX would take three quarters of the device's memory at once.
    variables = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            words, stdout=out, stderr=err, env=variables, start_new_session=True
        )
        try:
            code, late = child.wait(timeout=limit), False
        except subprocess.TimeoutExpired:
            code, late = -1, True
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        out.seek(0)
        err.seek(0)
        lines = out.read().decode(errors="replace").splitlines()
        said = err.read().decode(errors="replace").strip().splitlines()
    rows: list[Row] = [json.loads(line) for line in lines if line.startswith('{"part"')]
    if late:
        rows.append(failure(part, backend, f"not done after {limit:.0f} s"))
    elif code:
        rows.append(failure(part, backend, said[-1] if said else f"exit code {code}"))
    return rows


def line_of(row: Row) -> str:
    """A row of the table as Markdown."""
    cells = [row["part"], row["backend"], row["case"]]
    cells += [f"{row[name]:,.1f}" if row.get(name) is not None else "" for name in ("ms", "mb")]
    return f"| {' | '.join([*cells, row['result']])} |".replace("\n", " ")


def write(out: Path, rows: Sequence[Row], seconds: float) -> None:
    """Write the table as Markdown and as JSON."""
    from gcl_spec.bench.suite import machine

    out.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {**machine(), "device": device_name(), "seconds": round(seconds, 1)}
    head = [f"| {' | '.join(HEAD)} |", "|---|---|---|--:|--:|---|"]
    words = ", ".join(f"{name} {value}" for name, value in about.items())
    text = "\n".join([f"{words}\n", *head, *map(line_of, rows)]) + "\n"
    (out / "gpu.md").write_text(text)
    (out / "gpu.json").write_text(json.dumps({"machine": about, "rows": list(rows)}, indent=1))


def device_name() -> str:
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, torch {torch.__version__}"


if __name__ == "__main__":
    sys.exit(main())
