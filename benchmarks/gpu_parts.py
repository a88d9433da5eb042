"""The parts of `gpu.py`: each gives rows for the backend and the device that are asked for.

A row has "case" and "result" ("ok", or why not), and "ms" and "mb" where they were measured.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from gcl_spec import registry
from gcl_spec.backend import Candidate, Inputs, Prepared
from gcl_spec.batch import Batch
from gcl_spec.bench.measure import draw
from gcl_spec.bench.memory import ProcessMemory
from gcl_spec.conformance.cases.fixed import quick_cases
from gcl_spec.conformance.cases.rankings import ranking_cases
from gcl_spec.conformance.laws import LAWS
from gcl_spec.conformance.rankings import verify_rankings
from gcl_spec.conformance.verify import DTYPES, verify
from gcl_spec.objective import GCL, Objective

Row = dict[str, Any]

WIDTH = 512
CHUNK = 2048  # query rows of the chunked form
UNIT = 4096  # rows of the product that is the unit; larger ones are extrapolated
TOKENS = 32
NEAR = {"float32": 1e-3, "bfloat16": 5e-2}  # how far two forms of the loss may be apart


class Settings(NamedTuple):
    """What is asked for: "cuda" or "cpu", the batches of the loss, and whether to try few cases."""

    device: str
    sizes: tuple[int, ...]
    quick: bool


class OnDevice:
    """A backend that has one of its devices only, so that all checks are made there."""

    def __init__(self, backend: Any, device: str) -> None:
        self._backend, self._device = backend, device

    def devices(self) -> list[str]:
        return [self._device]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def device_of(backend: Any, asked: str) -> str | None:
    """The backend's first device of the kind that is asked for; None where it has none."""
    cpu = asked == "cpu"
    return next((d for d in backend.devices() if d.startswith("cpu") == cpu), None)


def absent(backend: str) -> Row:
    return {"case": "all", "result": f"{backend} sees no such device", "absent": True}


def verified(name: str, how: Settings) -> Iterator[Row]:
    """A backend on the device against the reference, as `gcl verify-backends` does."""
    if name == "jax":  # programs of the checks are compiled in half the time, as the command does
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    backend, reference = registry.load(name), registry.load("reference")
    device = device_of(backend, how.device)
    if device is None:
        yield absent(name)
        return
    one = OnDevice(backend, device)
    for dtype in DTYPES[:1] if how.quick else (*DTYPES, "bfloat16"):
        cases = [*quick_cases()][: 2 if how.quick else None]
        ranked = [*ranking_cases()][: 1 if how.quick else None]
        began = time.perf_counter()
        results = [
            *verify([one], reference, cases, dtypes=[dtype], degenerate=not how.quick).results,
            *verify_rankings([one], reference, ranked, dtypes=[dtype]).results,
        ]
        wrong = [result for result in results if not result.agrees]
        case = f"{device}, {dtype}, {len(results)} quantities of {len(cases) + len(ranked)} cases"
        said = f"{len(wrong)} disagree, {wrong[0].case}: {wrong[0].message}" if wrong else "ok"
        yield {"case": case, "ms": 1e3 * (time.perf_counter() - began), "result": said[:300]}


def laws(name: str, how: Settings) -> Iterator[Row]:
    """A backend on the device against the laws of the objective, on two seeds each."""
    backend = registry.load(name)
    device = device_of(backend, how.device)
    if device is None:
        yield absent(name)
        return
    one = OnDevice(backend, device)
    for law in [*LAWS][: 2 if how.quick else None]:
        began, said = time.perf_counter(), "ok"
        try:
            for seed in range(1 if how.quick else 2):
                LAWS[law](one, seed)
        except Exception as error:  # each law is a row, whatever it meets
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            said = f"failed: {' '.join(lines)[:200] or type(error).__name__}"
        yield {"case": law, "ms": 1e3 * (time.perf_counter() - began), "result": said}


def losses(name: str, how: Settings) -> Iterator[Row]:
    """Time and memory of the loss, forward and backward, beside the usual ways to compute it."""
    made = registry.load_bench(name)
    device = device_of(made, how.device)
    if device is None:
        yield absent(name)
        return
    threads = os.cpu_count() or 1
    for size in how.sizes:
        inputs = draw(size, WIDTH)
        for dtype in ("float32",) if how.quick else ("float32", "bfloat16"):
            bench = made.bench(device=device, dtype=dtype, threads=threads)
            known = dict(bench.candidates())
            if name == "torch":
                known["chunked"] = chunked(device, dtype)
            unit, first = product_seconds(bench, inputs), None
            for one in ("gram", "by-hand", "chunked"):
                if one in known:
                    row = measured(bench, known[one], inputs, unit, 1 if how.quick else 3)
                    first = row.get("loss") if first is None else first
                    if "loss" in row and abs(row["loss"] - first) > NEAR[dtype] * first:
                        row["result"] = f"disagrees: the loss is {row['loss']}, another's {first}"
                    yield {"case": f"{one}, N = {size}, {dtype}", **row}


def measured(bench: Any, candidate: Any, inputs: Inputs, unit: float, repeats: int) -> Row:
    """Median time, peak memory over the inputs, and the value of the loss; or why there is none."""
    try:
        memory = bench.memory() or ProcessMemory()
        step = candidate.prepare(inputs, GCL)[0]
        memory.start()
        result = step()
        bench.wait(result)
        loss = float(result[0])
        del result
        peak = memory.peak()
        seconds = [clock(bench, step) for _ in range(repeats)]
    except Exception as error:  # such as no memory: the next form may need less
        free()
        return {"result": f"failed: {str(error).splitlines()[0] if str(error) else error!r:.200}"}
    cost = {"ms": 1e3 * median(seconds), "mb": None if peak is None else peak / 1e6, "loss": loss}
    free()
    return {**cost, "products": median(seconds) / unit, "result": "ok"}


def free() -> None:
    """Give the memory of a form back before the next one."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def clock(bench: Any, step: Callable[[], Any]) -> float:
    began = time.perf_counter()
    bench.wait(step())
    return time.perf_counter() - began


def product_seconds(bench: Any, inputs: Inputs) -> float:
    """Seconds of one product of the 3N rows with themselves, from one of fewer rows."""
    rows = np.concatenate(inputs[:3])
    product = bench.product(rows[:UNIT])
    clock(bench, product)
    return clock(bench, product) * (len(rows) / len(rows[:UNIT])) ** 2


def chunked(device: str, dtype: str) -> Candidate:
    """GCL as scripts compute it where the logits have no room: rows in chunks, made twice."""
    import torch
    from torch.nn.functional import normalize
    from torch.utils.checkpoint import checkpoint

    def total(image: Any, text: Any, log_scale: Any) -> Any:
        rows = torch.cat([image, text, normalize(image + text)])
        scale = torch.exp(log_scale)

        def block(part: Any, first: int) -> Any:
            logits = (scale * part @ rows.T).float()
            own = torch.arange(len(part), device=rows.device)
            logits[own, own + first] = -torch.inf
            return torch.logsumexp(logits, 1).sum()

        sums = [
            checkpoint(block, rows[first : first + CHUNK], first, use_reentrant=False)
            for first in range(0, len(rows), CHUNK)
        ]
        own_views = rows.view(3, len(image), -1).float()
        pairs = own_views.sum(0).square().sum() - own_views.square().sum()
        return torch.stack(sums).sum() / len(rows) - scale.float() * pairs / (2 * len(rows))

    def prepare(inputs: Inputs, objective: Objective) -> Prepared:
        kinds = {"dtype": getattr(torch, dtype), "device": device}
        values = (inputs.image_BD, inputs.text_BD, inputs.log_scale)
        leaves = [torch.tensor(x, **kinds).requires_grad_() for x in values]

        def step() -> tuple[Any, ...]:
            value = total(*leaves)
            return value.detach(), *torch.autograd.grad(value, leaves)

        return Prepared(step)

    return Candidate(prepare, "rows in chunks, with checkpoints", "gcl")


def steps(name: str, how: Settings) -> Iterator[Row]:
    """Training steps of ViT-B/32 with random weights; of the tiny model where few are tried."""
    from gcl_spec.config import toml

    backend = registry.load_training(name)
    device = device_of(backend, how.device)
    if device is None:
        yield absent(name)
        return
    samples = 4 if how.quick else 256
    with tempfile.TemporaryDirectory() as made:
        vocabulary, side = write_model(Path(made), tiny=how.quick)
        batch = random_batch(samples, vocabulary, side)
        for precision in ("float32",) if how.quick else ("float32", "bfloat16"):
            sets = [f"model.path={made}", f"train.batch_size={samples}"]
            sets += [f"train.precision={precision}", f"eval.batch_size={samples}"]
            trainer = backend.trainer(toml.load(recipe="clip", overrides=sets), device=device)
            memory = registry.load_bench(name).bench(
                device=device, dtype="float32", threads=os.cpu_count() or 1
            ).memory()  # fmt: skip
            memory = memory or ProcessMemory()
            memory.start()
            seconds = []
            for _ in range(2 if how.quick else 5):
                began = time.perf_counter()
                loss = float(trainer.step(batch, lr=1e-5)["loss"])
                seconds.append(time.perf_counter() - began)
            took, peak = median(seconds[1:]), memory.peak()
            model = "tiny" if how.quick else "ViT-B/32"
            case = f"{model}, {samples} pairs, {precision}: {samples / took:,.0f} samples a second"
            said = "ok" if np.isfinite(loss) else f"failed: the loss is {loss}"
            mb = None if peak is None else peak / 1e6
            yield {"case": case, "ms": 1e3 * took, "mb": mb, "loss": loss, "result": said}
            del trainer
            free()


def write_model(folder: Path, *, tiny: bool) -> tuple[int, int]:
    """A CLIP in the hub's layout, of random weights; its number of tokens and side of pictures."""
    from gcl_spec.models.tiny_clip import write_tiny

    write_tiny(folder, 0)
    text = json.loads((folder / "config.json").read_text())["text_config"]
    if tiny:
        return text["vocab_size"], 32
    import torch
    from transformers import CLIPConfig, CLIPModel

    names = ("vocab_size", "eos_token_id", "bos_token_id", "pad_token_id")
    torch.manual_seed(0)
    # transformers' defaults are the towers of ViT-B/32.
    CLIPModel(CLIPConfig(text_config={name: text[name] for name in names})).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    sizes = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **sizes}))
    return text["vocab_size"], 224


def random_batch(samples: int, vocabulary: int, side: int) -> Batch:
    """Random pictures and texts; the last token of the vocabulary ends a text."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, vocabulary - 2, (samples, TOKENS))
    ids[:, 0], ids[:, -1] = vocabulary - 2, vocabulary - 1
    inputs = {
        "image/pixel_values": rng.normal(size=(samples, 3, side, side)).astype(np.float32),
        "text/input_ids": ids,
        "text/attention_mask": np.ones_like(ids),
    }
    return Batch(
        inputs, dict.fromkeys(("image", "text"), np.ones(samples, bool)), np.arange(samples)
    )


PARTS: Mapping[str, Callable[[str, Settings], Iterator[Row]]] = {
    "verify": verified,
    "laws": laws,
    "loss": losses,
    "step": steps,
}
"""The parts by name; `gpu.py` runs each in a process of its own."""
