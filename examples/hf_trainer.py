"""GCL in Hugging Face's Trainer: override compute_loss.

python examples/hf_trainer.py

Put `CLIPModel.from_pretrained(...)` for the small model that is made here, and your pictures and
captions, prepared by its processor, for the shapes. Under torchrun the loss takes the whole batch
of all processes. Trainer's `gradient_accumulation_steps` adds up losses of small batches, which is
another loss: `gcl_torch.cached_step` makes large batches of small ones.
"""

import argparse
import tempfile
from typing import Any

import torch
import torch.distributed as dist
from shapes import CAPTIONS, VOCABULARY, Shapes, draw
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel, Trainer, TrainingArguments

from gcl_torch import gcl_loss


class GCLTrainer(Trainer):
    """Trains on GCL's loss instead of the model's own."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        ids = inputs.pop("ids")
        outputs = model(**inputs)
        loss = gcl_loss(
            normalize(outputs.image_embeds, dim=-1),
            normalize(outputs.text_embeds, dim=-1),
            log_scale=self.accelerator.unwrap_model(model).logit_scale,
            ids=ids,
            group=dist.group.WORLD if dist.is_initialized() else None,
        )
        return (loss, outputs) if return_outputs else loss


def small_clip() -> CLIPModel:
    tower = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }  # fmt: skip
    text = {
        "vocab_size": len(VOCABULARY),
        "max_position_embeddings": 8,
        "bos_token_id": 1,
        "eos_token_id": 0,
    }
    vision = {"image_size": 32, "patch_size": 8}
    return CLIPModel(
        CLIPConfig(text_config=tower | text, vision_config=tower | vision, projection_dim=64)
    )


def rows(shapes: Shapes) -> list[dict[str, Any]]:
    return [
        {"pixel_values": pixels, "input_ids": tokens, "ids": number}
        for pixels, tokens, number in zip(*shapes, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    steps = parser.parse_args().steps
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        trainer = GCLTrainer(
            small_clip(),
            TrainingArguments(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=128,
                learning_rate=1e-3,
                logging_steps=max(steps // 3, 1),
                remove_unused_columns=False,
                dataloader_drop_last=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
            ),
            train_dataset=rows(draw(5120)),
        )
        trainer.train()
    for line in trainer.state.log_history:
        if "loss" in line:
            print(f"step {line['step']:>4}  loss {float(line['loss']):.3f}")

    test = draw(200, seed=10**6)
    model = trainer.model.eval()
    with torch.no_grad():
        outputs = model(
            pixel_values=torch.from_numpy(test.pixels), input_ids=torch.from_numpy(test.tokens)
        )
        best = (outputs.text_embeds @ outputs.image_embeds.T).argmax(1).numpy()
    hits = test.ids[best] == test.ids
    print(f"text -> image, hit@1: {hits.mean():.2f} (by chance {1 / len(CAPTIONS):.2f})")


if __name__ == "__main__":
    main()
