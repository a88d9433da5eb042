"""What the VISTA models of all backends do alike: which rows a batch gives, and their inputs."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

from gcl_spec.config.options import ModelConfig
from gcl_spec.models.projecting import Projecting
from gcl_spec.models.vista_settings import VistaSettings
from gcl_spec.objective import name_parts

__all__ = ["PIXELS", "VistaRows", "draws_random", "joined_names", "most_beside_image"]

A = TypeVar("A")
"""The arrays of a framework."""

PIXELS = "image/pixel_values"
_IDS, _MASK = "text/input_ids", "text/attention_mask"


def joined_names(model: ModelConfig) -> tuple[str, ...]:
    """The fused modalities that the model encodes itself (`model.fuse = "joint"`)."""
    if model.fuse != "joint":
        return ()
    return tuple(name for name in model.modalities if len(name_parts(name)) > 1)


def draws_random(model: ModelConfig) -> bool:
    """Does a step of the training draw random numbers?"""
    return bool(model.dropout or model.patch_dropout)


def most_beside_image(model: ModelConfig, settings: VistaSettings) -> int:
    """The number of tokens to which a text beside an image is cut."""
    return min(model.max_joint_tokens, settings.most_beside_image)


class VistaRows(Projecting[A], Generic[A]):
    """The part of a VISTA that knows modalities; a picture goes through its tower once."""

    vista: Any
    """The encoder: `image_tokens`, and rows by `image`, `text` and `joint`."""

    def rows(
        self, inputs: Mapping[str, A], joined: Collection[str], draw: A | None
    ) -> dict[str, A]:
        """The rows (B, W) of what there are inputs of (`Projecting.rows`)."""
        rows: dict[str, A] = {}
        image, text = PIXELS in inputs, _IDS in inputs
        tokens = self.image_tokens(inputs[PIXELS], draw) if image else None
        if image:
            rows["image"] = self.vista.image(tokens, **self.drawn(draw, 1))
        if text:
            ids, mask = inputs[_IDS], inputs[_MASK]
            rows["text"] = self.vista.text(ids, mask, **self.drawn(draw, 2))
        for name in joined if image and text else ():
            ids, mask = self.cut(inputs[_IDS], inputs[_MASK])
            rows[name] = self.vista.joint(tokens, ids, mask, **self.drawn(draw, 3))
        return rows

    def project(self, name: str, features: A, draw: A | None = None, /) -> A:
        """The features (B, W) themselves, because the encoder's outputs are in one space."""
        return features

    def tower_output(self, name: str, inputs: Mapping[str, A], /) -> A | None:
        """The row (B, W) of a modality alone (`Projecting.tower_output`)."""
        own = {key: x for key, x in inputs.items() if key.startswith(f"{name}/")}
        return self.rows(own, (), None).get(name)

    @abstractmethod
    def image_tokens(self, pixels: A, draw: A | None) -> A:
        """The tokens (B, K, W) of pictures (B, 3, H, W), some left out at random in training."""

    @abstractmethod
    def cut(self, ids: A, mask: A) -> tuple[A, A]:
        """Token ids and mask (B, L) of texts that are cut to what has room beside a picture."""

    def drawn(self, draw: A | None, use: int) -> dict[str, Any]:
        """The argument from which one of several uses draws; none where a framework has a state."""
        return {}
