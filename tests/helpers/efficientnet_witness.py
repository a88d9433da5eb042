"""EfficientNet-Lite0 in NumPy float64, written from its description and the names of its weights.

Tan and Le (arXiv 1905.11946), table 1, without squeeze-and-excite and with ReLU6, stem and head not
scaled: the "Lite" variant of TensorFlow's models. It shares no code with the tower that it checks.
"""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["features"]

Array = npt.NDArray[np.float64]
Weights = Mapping[str, Array]

# The first block of each stage that begins with a stride of 2, counted over the whole network.
_HALVING = {1, 3, 5, 11}


def features(
    weights: Weights,
    pixels_BHWC: npt.NDArray[np.uint8],
    *,
    channels: str = "RGB",
    eps: float = 1e-3,
    padding: str = "same",
) -> Array:
    """Pooled features (B, 1280) of pictures (B, H, W, 3) in RGB order.

    channels: the order in which the network is given them. eps: of every BatchNorm. padding:
    "same" is TensorFlow's, "symmetric" PyTorch's kernel // 2 on both sides.
    """
    order = ["RGB".index(channel) for channel in channels]
    x = (pixels_BHWC[..., order].astype(float) - 127) / 128

    def norm(x: Array, name: str) -> Array:
        gain, bias, mean, var = (
            weights[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(var + eps) * gain + bias

    def conv(x: Array, name: str, stride: int = 1) -> Array:
        return _conv(x, weights[f"{name}.weight"], stride, padding)

    x = _relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    blocks = 1 + max(int(found[1]) for n in weights if (found := re.match(r"_blocks\.(\d+)", n)))
    for n in range(blocks):
        at, y = f"_blocks.{n}", x
        if f"{at}._expand_conv.weight" in weights:
            y = _relu6(norm(conv(y, f"{at}._expand_conv"), f"{at}._bn0"))
        stride = 2 if n in _HALVING else 1
        y = _relu6(norm(conv(y, f"{at}._depthwise_conv", stride), f"{at}._bn1"))
        y = norm(conv(y, f"{at}._project_conv"), f"{at}._bn2")
        x = x + y if x.shape == y.shape else y
    return _relu6(norm(conv(x, "_conv_head"), "_bn1")).mean(axis=(1, 2))


def _relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


def _conv(x: Array, weight_OIHW: Array, stride: int, padding: str) -> Array:
    """As a sum over the kernel's places; one input channel a filter means depthwise."""
    kernel = weight_OIHW.shape[2]
    before, after = [], []
    for size in x.shape[1:3]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        same = (total // 2, total - total // 2)
        low, high = same if padding == "same" else (kernel // 2, kernel // 2)
        before.append(low)
        after.append(high)
    x = np.pad(x, [(0, 0), *zip(before, after, strict=True), (0, 0)])
    rows, columns = ((size - kernel) // stride + 1 for size in x.shape[1:3])
    depthwise = weight_OIHW.shape[1] == 1
    out: Array | float = 0.0
    for i in range(kernel):
        for j in range(kernel):
            seen = x[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
            tap = weight_OIHW[:, :, i, j]
            out = out + (seen * tap[:, 0] if depthwise else seen @ tap.T)
    return np.asarray(out)
