"""GCL in a plain PyTorch loop, with encoders of your own.

python examples/plain_torch.py
"""

import argparse

import torch
from shapes import CAPTIONS, VOCABULARY, draw
from torch import nn
from torch.nn.functional import normalize

from gcl_torch import GCLLoss


class Encoder(nn.Module):
    """Any two encoders with outputs of one width."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(3, 32, 4, stride=4), nn.GELU(), nn.Conv2d(32, 64, 4, stride=4), nn.GELU(),
            nn.Flatten(), nn.Linear(64 * 4, width),
        )  # fmt: skip
        self.text = nn.EmbeddingBag(len(VOCABULARY), width)

    def forward(self, pixels: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return normalize(self.image(pixels), dim=-1), normalize(self.text(tokens), dim=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    steps = parser.parse_args().steps
    torch.manual_seed(0)
    model, loss_of = Encoder(), GCLLoss()  # GCLLoss holds the learned temperature
    parameters = [*model.parameters(), *loss_of.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=3e-3)

    for step in range(steps):
        pixels, tokens, ids = map(torch.from_numpy, draw(128, seed=step))
        image, text = model(pixels, tokens)
        loss = loss_of(image, text, ids=ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:>4}  loss {loss.item():.3f}")

    with torch.no_grad():
        pixels, tokens, ids = map(torch.from_numpy, draw(200, seed=10**6))
        image, text = model(pixels, tokens)
        hits = ids[(text @ image.T).argmax(1)] == ids
    print(f"text -> image, hit@1: {hits.float().mean():.2f} (by chance {1 / len(CAPTIONS):.2f})")


if __name__ == "__main__":
    main()
