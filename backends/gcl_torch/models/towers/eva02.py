"""EVA02 (Fang et al. 2023, arXiv 2303.11331), the image tower of VISTA, in PyTorch.

Names and shapes of parameters are those of EVA-CLIP's `EVAVisionTransformer`.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from gcl_spec.models.vista_layout import VistaSizes

__all__ = ["Eva02"]

_EPS = 1e-6


class Eva02(nn.Module):
    """A vision transformer with rotary positions, SwiGLU and sub-layer norms.

    It ends with its last block: VISTA uses neither its last norm nor its projection.
    """

    def __init__(self, sizes: VistaSizes) -> None:
        """Make the tower, whose weights are to be loaded."""
        super().__init__()
        width, tokens = sizes.image_width, sizes.patches + 1
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.patch_embed = _PatchEmbed(width, sizes.patch)
        self.rope = _Rope(sizes.patches, sizes.head_width)
        self.blocks = nn.ModuleList([_Block(sizes) for _ in range(sizes.image_layers)])
        self.recomputes = False

    def forward(
        self, pixels_B3HW: torch.Tensor, keep_BK: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The tokens (B, 1 + K, E) of pictures, that of the class first.

        Args:
            pixels_B3HW: prepared pictures.
            keep_BK: numbers of the K patches that are kept of each picture, in their order; all
                when not given.
        """
        patches = self.patch_embed.proj(pixels_B3HW).flatten(2).transpose(1, 2)
        start = self.cls_token.expand(len(patches), -1, -1)
        x = torch.cat([start, patches], dim=1) + self.pos_embed
        cosines, sines = self.rope.freqs_cos, self.rope.freqs_sin
        if keep_BK is not None:
            kept = x[:, 1:].gather(1, keep_BK[:, :, None].expand(-1, -1, x.shape[2]))
            x = torch.cat([x[:, :1], kept], dim=1)
            # Every picture has its own patches, and an axis of heads is to come.
            cosines, sines = cosines[keep_BK][:, None], sines[keep_BK][:, None]
        for block in self.blocks:
            if self.recomputes and torch.is_grad_enabled():
                x = checkpoint(block, x, cosines, sines, use_reentrant=False)
            else:
                x = block(x, cosines, sines)
        return x


class _PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)


class _Rope(nn.Module):
    freqs_cos: torch.Tensor
    freqs_sin: torch.Tensor

    def __init__(self, patches: int, width: int) -> None:
        super().__init__()
        for name in ("freqs_cos", "freqs_sin"):
            self.register_buffer(name, torch.zeros(patches, width))


class _Block(nn.Module):
    def __init__(self, sizes: VistaSizes) -> None:
        super().__init__()
        width = sizes.image_width
        self.norm1 = nn.LayerNorm(width, eps=_EPS)
        self.attn = _Attention(width, width // sizes.head_width)
        self.norm2 = nn.LayerNorm(width, eps=_EPS)
        self.mlp = _SwiGlu(width, sizes.image_hidden)

    def forward(self, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x), cosines, sines)
        tokens: torch.Tensor = x + self.mlp(self.norm2(x))
        return tokens


class _Attention(nn.Module):
    """Attention whose queries and values have biases and whose keys have none."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.inner_attn_ln = nn.LayerNorm(width, eps=_EPS)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        q = functional.linear(x, self.q_proj.weight, self.q_bias)
        v = functional.linear(x, self.v_proj.weight, self.v_bias)
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for part in (q, self.k_proj(x), v))  # fmt: skip
        q, k = (_rotated(part, cosines, sines).to(v.dtype) for part in (q, k))
        mixed = functional.scaled_dot_product_attention(q, k, v)
        out: torch.Tensor = self.proj(self.inner_attn_ln(mixed.transpose(1, 2).flatten(2)))
        return out


def _rotated(x_BHLD: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """The rows of each head; positions rotate those of patches, and the class token has none."""
    patches = x_BHLD[:, :, 1:]
    turned = torch.stack([-patches[..., 1::2], patches[..., 0::2]], dim=-1).flatten(-2)
    return torch.cat([x_BHLD[:, :, :1], patches * cosines + turned * sines], dim=2)


class _SwiGlu(nn.Module):
    """SwiGLU (Shazeer, arXiv 2002.05202) with a layer norm over its hidden width."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w1, self.w2 = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.ffn_ln = nn.LayerNorm(hidden, eps=_EPS)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.w3(self.ffn_ln(functional.silu(self.w1(x)) * self.w2(x)))
        return rows
