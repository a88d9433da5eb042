"""The two-tower model of the `lite` recipe: pretrained towers, a projection head each."""

from collections.abc import Mapping
from math import log

import torch
from torch import nn

from gcl_spec.config import Config
from gcl_torch.towers.efficientnet_lite import EfficientNetLite0
from gcl_torch.towers.minilm import MiniLM

__all__ = ["LiteModel"]

Inputs = Mapping[str, torch.Tensor]


class LiteModel(nn.Module):
    """Projections of images and texts into one space, and the temperature.

    Frozen towers are loaded when they are first needed, which with cached outputs is never, and are
    not part of the parameters.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        model = config.model
        generator = torch.Generator().manual_seed(config.train.seed)
        self.image_head = _head(EfficientNetLite0.width, model.hidden, model.width, generator)
        self.text_head = _head(MiniLM.width, model.hidden, model.width, generator)
        self.log_scale = nn.Parameter(
            torch.tensor(log(config.optim.scale)), requires_grad=config.optim.learn_scale
        )
        self._frozen: dict[str, nn.Module] = {}
        if not model.freeze_towers:
            self.image_tower = EfficientNetLite0.pretrained()
            self.text_tower = MiniLM()

    def forward(self, inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
        """Image and text projections, (B, width) each; zeros for a modality without inputs."""
        features = self.features(inputs)
        if not features:
            raise ValueError("a batch with neither image nor text inputs")
        heads = {"image": self.image_head, "text": self.text_head}
        found = {name: heads[name](x) for name, x in features.items()}
        zeros = torch.zeros_like(next(iter(found.values())))
        return found.get("image", zeros), found.get("text", zeros)

    def features(self, inputs: Inputs) -> dict[str, torch.Tensor]:
        """Tower outputs by modality, (B, F): given ones, or computed from pixels and tokens."""
        found = {}
        for name in ("image", "text"):
            if f"{name}/features" in inputs:
                found[name] = inputs[f"{name}/features"]
        if "image/pixels" in inputs:
            found["image"] = self._tower("image")(inputs["image/pixels"])
        if "text/input_ids" in inputs:
            tower = self._tower("text")
            found["text"] = tower(inputs["text/input_ids"], inputs["text/attention_mask"])
        return found

    def _tower(self, name: str) -> nn.Module:
        if hasattr(self, f"{name}_tower"):
            tower: nn.Module = getattr(self, f"{name}_tower")
            return tower
        if name not in self._frozen:
            made: nn.Module = (
                EfficientNetLite0.pretrained().folded() if name == "image" else MiniLM()
            )
            # In a plain dict: a frozen tower belongs to its package, not to the parameters.
            self._frozen[name] = made.to(self.log_scale.device).requires_grad_(False)
        return self._frozen[name]


def _head(inputs: int, hidden: int, width: int, generator: torch.Generator) -> nn.Sequential:
    """Standardise, then a hidden layer; weights from `generator`, never the global one."""
    with torch.random.fork_rng(devices=[]):  # nn.Linear draws weights that are replaced below
        layers = nn.Sequential(
            nn.LayerNorm(inputs, elementwise_affine=False),
            nn.Linear(inputs, hidden),
            nn.GELU(),
            nn.Linear(hidden, width),
        )
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            # Not zeros: a blank picture has no features, and still needs a direction.
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layers
