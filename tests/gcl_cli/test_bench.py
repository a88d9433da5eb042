"""`gcl bench loss`: what is measured, what is said of what fails. No test looks at a time."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gcl_spec import registry
from gcl_spec.backend import Inputs
from gcl_spec.bench.measure import draw
from gcl_spec.bench.process import environment
from gcl_spec.loss.settings import FAMILY, Setting
from gcl_spec.objective import PRESETS

FAKE = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import Candidate, Prepared

def candidate(step, missing=""):
    return Candidate(lambda inputs, objective: Prepared(step), "about", "clip", missing)

def good():
    print("a library's chatter")
    return (np.float64(1.5),)

def grows():
    return np.float64(0.0), np.ones(8_000_000)

def fails():
    raise MemoryError("[red]no room[/red] for logits\\nsecond line")

def sleeps():
    Path("pid").write_text(str(os.getpid()))
    time.sleep(600)

class Bench:
    version = "1"
    def candidates(self):
        return {
            "good": candidate(good), "grows": candidate(grows), "fails": candidate(fails),
            "killed": candidate(lambda: os.kill(os.getpid(), signal.SIGKILL)),
            "exits": candidate(lambda: os._exit(7)), "sleeps": candidate(sleeps),
            "missing": candidate(good, "peer is not installed"),
        }
    def product(self, rows_ND):
        return lambda: rows_ND @ rows_ND.T
    def wait(self, result):
        pass
    def memory(self):
        return None

class Fake(ReferenceBackend):
    def bench(self, /, *, device, dtype, threads):
        assert os.environ["OMP_NUM_THREADS"] == str(threads)
        return Bench()
"""

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bench(gcl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "fake_bench.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def call(*args: object, backend: str = "fake_bench:Fake"):
        tiny = ("-n", 4, "-d", 3, "--repeats", 2)
        return gcl("bench", "loss", "--backend", backend, *tiny, *args)

    return call


def chosen(*names: str) -> list[str]:
    return [part for name in names for part in ("--candidate", name)]


def test_a_backend_is_measured(gcl, backend_name: str, tmp_path: Path) -> None:
    args = ("--backend", backend_name, "-n", 16, "-d", 8, "--repeats", 3)
    done = gcl("bench", "loss", *args, "--candidate", "plain", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    found = json.loads((tmp_path / "out.json").read_text())
    assert set(found) == {"schema", "settings", "machine", "backends", "results"}
    assert found["schema"] == 1
    assert found["settings"]["width"] == 8
    assert found["settings"]["temperature"] == 0.05
    (result,) = found["results"]
    assert (result["candidate"], result["batch"]) == ("plain", 16)
    check_result(result, repeats=3)
    assert (result["compile_s"] is not None) == (backend_name == "jax")
    assert result["loss"] == pytest.approx(plain_loss(16, 8), rel=1e-5)


def check_result(result: dict, repeats: int) -> None:
    assert set(result) == {
        "backend", "candidate", "batch", "error", "ms", "products", "step_ms", "product_ms",
        "peak_mb", "memory", "compile_s", "loss", "cores",
    }  # fmt: skip
    assert result["error"] == ""
    assert len(result["step_ms"]) == len(result["product_ms"]) == repeats
    assert result["ms"] == np.median(result["step_ms"])
    assert result["products"] == result["ms"] / np.median(result["product_ms"])
    assert result["peak_mb"] >= 0


def plain_loss(batch: int, width: int) -> float:
    return float(expected("plain", draw(batch, width), "gcl")[0][0])


FOR_TORCH = {f"gram:{name}" for name in FAMILY} - {"gram:siglip-all"}
"""Settings that JAX would compile for seconds, and that its tiles' tests hold."""


def test_every_candidate_that_runs_here_gives_its_objective(backend_name: str) -> None:
    backend = registry.load_bench(backend_name)
    device = next(name for name in backend.devices() if name.startswith("cpu"))
    bench, inputs = backend.bench(device=device, dtype="float32", threads=1), draw(12, 5)
    known = bench.candidates()
    assert {"by-hand", "plain", "gram", "gram-given"} <= set(known)
    assert not known["plain"].missing
    for name, candidate in known.items():
        if candidate.missing or (backend_name == "jax" and name in FOR_TORCH):
            continue
        step = candidate.prepare(inputs, PRESETS["gcl"]).step
        wants = expected(name, inputs, candidate.computes or "gcl")
        step()
        for got, want, z in zip(flat(step()), wants, around(wants, inputs), strict=True):
            # Some peers normalise what they are given: only the tangential part is defined.
            got, want = (x - (x * z).sum(-1, keepdims=True) * z for x in (got, want))
            np.testing.assert_allclose(got, want, atol=2e-6, rtol=2e-5, err_msg=name)


def expected(name: str, inputs: Inputs, preset: str) -> list[np.ndarray]:
    """Loss, gradients of the rows, gradient of the scale: from the reference, by the chain rule."""
    setting = FAMILY[preset] if name.startswith("gram:") else Setting(PRESETS[preset], "")
    objective, bias = setting.objective, setting.bias()
    z_MBD = np.stack(inputs[: len(objective.modalities)])
    log_scale = setting.log_scale(float(inputs.log_scale))
    loss, grads, *by_numbers = registry.load("reference").loss_and_grads(
        z_MBD, log_scale, objective=objective, bias=bias
    )
    by_numbers = by_numbers[: 1 if bias is None else 2]
    grads = list(grads)
    if len(grads) == 3 and name != "gram-given":
        fused, back = inputs.fused_BD, grads.pop()
        norm = np.linalg.norm(inputs.image_BD + inputs.text_BD, axis=1, keepdims=True)
        back = (back - (back * fused).sum(1, keepdims=True) * fused) / norm
        grads = [grad + back for grad in grads]
    return [np.atleast_1d(x) for x in (loss, *grads, *by_numbers)]


def around(wants: list[np.ndarray], inputs: Inputs) -> list[np.ndarray]:
    rows = [want for want in wants if want.shape == inputs.image_BD.shape]
    others = [np.zeros(1) for _ in wants[1 + len(rows) :]]
    return [np.zeros(1), *inputs[: len(rows)], *others]


def flat(result) -> list[np.ndarray]:
    loss, *grads = result
    grads = grads[0] if len(grads) == 1 else grads
    return [np.atleast_1d(np.asarray(x, np.float64)) for x in (loss, *grads)]


def test_a_candidate_that_fails_is_a_line(bench, tmp_path: Path) -> None:
    names = ["fails", "killed", "exits", "missing", "good"]
    done = bench(*chosen(*names), "--json", "out.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())["results"]
    assert {result["candidate"]: result["error"] for result in found} == {
        "fails": "[red]no room[/red] for logits",
        "killed": "ended by SIGKILL, as when memory is short",
        "exits": "ended with exit code 7: no message",
        "missing": "peer is not installed",
        "good": "",
    }
    assert "[red]no room[/red]" in done.stdout
    assert "Traceback" not in done.stderr
    assert "chatter" not in done.stdout


def test_sizes_in_the_order_that_was_asked_for(bench, tmp_path: Path) -> None:
    done = bench("-n", 2, *chosen("good"), "--json", "out.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [result["batch"] for result in found] == [4, 2]


def test_what_is_missing_is_left_out_unless_it_is_named(bench) -> None:
    done = bench("--timeout", 2)
    assert "missing" not in done.stdout
    assert "not done after 2 s" in done.stderr


def test_a_short_timeout_is_not_that_of_naming_the_candidates(bench) -> None:
    done = bench("--timeout", 0.01, *chosen("good"))
    assert done.returncode == 1, done.stderr
    assert "good, N = 4: failed: not done after 0.01 s" in done.stderr


def test_when_everything_fails_the_exit_code_is_1(bench) -> None:
    assert bench(*chosen("fails")).returncode == 1


def test_peak_memory_is_that_of_the_loss(bench, tmp_path: Path) -> None:
    done = bench(*chosen("grows", "good"), "--json", "out.json")
    assert done.returncode == 0, done.stderr
    grows, good = json.loads((tmp_path / "out.json").read_text())["results"]
    if grows["memory"] == "VmHWM":
        assert grows["peak_mb"] == pytest.approx(64, abs=8)
    assert good["peak_mb"] < 8
    assert good["loss"] == 1.5


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--candidate", "plian"], "no candidate 'plian'; there are good, grows"),
        (["--objective", "glc"], "'glc' is not one of"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["-n", "1"], "is not in the range"),
        (["--backend", "torhc"], "no backend 'torhc'; did you mean torch?; declared are"),
        (["--backend", "reference"], "has no losses to measure"),
    ],
)
def test_usage_errors(bench, args: list[str], message: str) -> None:
    done = bench(*args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_nothing_stays_behind(start, bench, tmp_path: Path, number: int, code: int) -> None:
    if number == signal.SIGTERM:  # as in the background
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    args = ["--backend", "fake_bench:Fake", "-n", "4", *chosen("good", "sleeps")]
    gcl = start("bench", "loss", *args)
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    gcl.send_signal(number)
    out, _ = gcl.communicate(timeout=240)
    assert gcl.returncode == code
    assert ("one product" in out) == (number != signal.SIGKILL)
    wait_for(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    # Nobody may reap an orphan in a container; it has ended all the same.
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_for(condition: Callable[[], object]) -> object:
    for _ in range(600):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("not within a minute")


def test_threads_are_set_before_any_import() -> None:
    found = environment(2, {"XLA_FLAGS": "--mine", "HOME": "/h"})
    assert found["HOME"] == "/h"
    assert found["XLA_FLAGS"].endswith("intra_op_parallelism_threads=2 --mine")
    assert found["MKL_NUM_THREADS"] == found["NPROC"] == found["PJRT_NPROC"] == "2"
