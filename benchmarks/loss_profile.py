"""Where the time of PyTorch's loss goes: its products, its exponentials, and the rest.

    python benchmarks/loss_profile.py --samples 4096 --candidate gram

The loss and its gradients on the CPU with one thread, float32. Shares are those of torch's
profiler, by the time in each operation itself; the total is measured without it. One product E E^T
of the 3N stacked rows, in turns with the loss, is the unit, as in `gcl bench loss`. It has 18 N^2 D
operations. GCL needs 16 N^2 D in products, 0.89 of it: the symmetric Gram matrix of image and text
rows twice (4 each), and the gradients (8). With products kept (`--cached`) it needs 12, or 0.67.
Products of tiles may run faster than that of the whole, so that less is possible.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from gcl_spec.loss.settings import FAMILY, Setting
from gcl_spec.objective import GCL
from gcl_torch.loss.functions import gcl_loss

PRODUCTS = ("aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm", "aten::baddbmm")
EXPONENTIALS = ("aten::exp", "aten::exp2", "aten::exp_", "aten::exp2_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--candidate", default="gram", choices=["gram", *FAMILY])
    parser.add_argument("--cached", action="store_true", help="keep 400 MB of products")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(3, asked.samples, asked.width), dim=2)
    setting = FAMILY.get(asked.candidate, Setting(GCL, "the objective of the paper"))
    step = step_of(rows, setting, 400 * 10**6 if asked.cached else 0)
    stacked = rows.flatten(0, 1)
    loss, product = in_turns(step, lambda: stacked @ stacked.T, asked.repeats)
    print(f"{asked.candidate}: {loss:.3f} s, one product {product:.3f} s: {loss / product:.3f}")
    for name, share in shares(step):
        print(f"  {name:<24} {100 * share:5.1f} %   {share * loss / product:.3f} products")


def step_of(rows: torch.Tensor, setting: Setting, cache_bytes: int) -> Callable[[], object]:
    """The loss with all its gradients, of rows (3, N, D), of which the third is made anew."""
    image, text = (x.clone().requires_grad_() for x in rows[:2])
    scale = torch.tensor(setting.log_scale(3.0), dtype=rows.dtype, requires_grad=True)
    bias = setting.bias()
    shift = None if bias is None else torch.tensor(bias, dtype=rows.dtype, requires_grad=True)
    leaves = [x for x in (image, text, scale, shift) if x is not None]

    def step() -> object:
        value = gcl_loss(
            image,
            text,
            log_scale=scale,
            objective=setting.objective,
            bias=shift,
            cache_bytes=cache_bytes,
        )
        return torch.autograd.grad(value, leaves)

    return step


def in_turns(a: Callable[[], object], b: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The medians of the seconds of two functions that take turns, after one call of each."""
    times: list[list[float]] = []
    for _ in range(repeats + 1):
        times.append([])
        for function in (a, b):
            begun = time.perf_counter()
            function()
            times[-1].append(time.perf_counter() - begun)
    first, second = zip(*times[1:], strict=True)
    return statistics.median(first), statistics.median(second)


def shares(step: Callable[[], object]) -> list[tuple[str, float]]:
    """The shares of products, exponentials and the six other costliest operations."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    events = {e.key: float(e.self_cpu_time_total) for e in profiler.key_averages()}
    total = sum(events.values())
    products = sum(events.pop(name, 0.0) for name in PRODUCTS)
    exponentials = sum(events.pop(name, 0.0) for name in EXPONENTIALS)
    others = sorted(events.items(), key=lambda item: -item[1])
    parts = [("products", products), ("exponentials", exponentials), *others[:6]]
    parts.append(("all else", sum(x for _, x in others[6:])))
    return [(name, x / total) for name, x in parts]


if __name__ == "__main__":
    main()
