"""GCL in a LightningModule.

python examples/lightning_module.py

With several devices, `setup` gives the loss the batch of all of them.
"""

import argparse
from typing import Any

import pytorch_lightning as lightning
import torch
import torch.distributed as dist
from plain_torch import Encoder
from shapes import CAPTIONS, Shapes, draw
from torch.utils.data import DataLoader, TensorDataset

from gcl_torch import GCLLoss

Batch = list[torch.Tensor]


class Retriever(lightning.LightningModule):
    """Two encoders and the loss with its temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.loss = Encoder(), GCLLoss()

    def setup(self, stage: str) -> None:
        if dist.is_initialized():
            self.loss = GCLLoss(group=dist.group.WORLD)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        pixels, tokens, ids = batch
        loss: torch.Tensor = self.loss(*self.encoder(pixels, tokens), ids=ids)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        pixels, tokens, ids = batch
        image, text = self.encoder(pixels, tokens)
        hits = ids[(text @ image.T).argmax(1)] == ids
        self.log("hit@1", hits.float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


class Losses(lightning.Callback):
    """Prints the loss now and then."""

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:
        step = trainer.global_step - 1
        if step % 50 == 0 or step == trainer.max_steps - 1:
            print(f"step {step:>4}  loss {float(outputs['loss']):.3f}")


def loader(shapes: Shapes, batch: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(*map(torch.from_numpy, shapes)), batch, drop_last=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    steps = parser.parse_args().steps
    lightning.seed_everything(0, verbose=False)
    model = Retriever()
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Losses()],
    )
    test = loader(draw(200, seed=10**6), 200)
    trainer.fit(model, loader(draw(128 * 40), 128), test)
    (metrics,) = trainer.validate(model, test, verbose=False)
    print(f"text -> image, hit@1: {metrics['hit@1']:.2f} (by chance {1 / len(CAPTIONS):.2f})")


if __name__ == "__main__":
    main()
