"""One forward and backward of the tiled loss on a batch whose similarities would not fit in memory.

    python benchmarks/large_batch.py --samples 65536

It prints the time and the peak memory above inputs and gradients. The 3N x 3N matrix of 65,536
pairs alone would take 155 GB.
"""

import argparse
import time
from math import log

import torch

from gcl_spec.bench.memory import ProcessMemory
from gcl_torch import gcl_loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=65536)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    gcl_loss(torch.eye(300), torch.eye(300), log_scale=0.0)  # loads code

    generator = torch.Generator().manual_seed(0)
    image = torch.randn(options.samples, options.width, generator=generator)
    image = torch.nn.functional.normalize(image, dim=1).requires_grad_()
    text = torch.randn(options.samples, options.width, generator=generator)
    text = torch.nn.functional.normalize(image.detach() + 0.05 * text, dim=1).requires_grad_()
    scale = torch.tensor(log(20.0), requires_grad=True)

    memory = ProcessMemory()
    memory.start()
    begun = time.monotonic()
    loss = gcl_loss(image, text, log_scale=scale)
    loss.backward()
    seconds = time.monotonic() - begun
    gradients = 2 * image.grad.numel() * image.grad.element_size()
    print(
        f"N = {options.samples}, d = {options.width}, float32, {options.threads} threads: "
        f"loss {loss.item():.4f}, {seconds:.0f} s, "
        f"{(memory.peak() - gradients) / 1e6:.0f} MB above inputs and gradients"
    )


if __name__ == "__main__":
    main()
