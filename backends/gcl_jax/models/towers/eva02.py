"""EVA02 (Fang et al. 2023, arXiv 2303.11331), the image tower of VISTA, in flax.nnx.

Names and shapes of parameters are those of EVA-CLIP's `EVAVisionTransformer`.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from gcl_jax.models.towers.layers import Conv2d, LayerNorm, Linear, attend, recomputed
from gcl_spec.models.vista_layout import VistaSizes

__all__ = ["Eva02"]

_EPS = 1e-6


class Eva02(nnx.Module):
    """A vision transformer with rotary positions, SwiGLU and sub-layer norms.

    It ends with its last block: VISTA uses neither its last norm nor its projection.
    """

    def __init__(self, sizes: VistaSizes) -> None:
        """Make the tower, whose weights are to be loaded."""
        width, tokens = sizes.image_width, sizes.patches + 1
        self.cls_token = nnx.Param(jnp.zeros((1, 1, width), jnp.float32))
        self.pos_embed = nnx.Param(jnp.zeros((1, tokens, width), jnp.float32))
        self.patch_embed = _PatchEmbed(width, sizes.patch)
        self.rope = _Rope(sizes.patches, sizes.head_width)
        self.blocks = nnx.List([_Block(sizes) for _ in range(sizes.image_layers)])
        self.recomputes = False

    def __call__(self, pixels_B3HW: jax.Array, keep_BK: jax.Array | None = None) -> jax.Array:
        """The tokens (B, 1 + K, E) of pictures, with the token of the class first.

        Args:
            pixels_B3HW: prepared pictures.
            keep_BK: numbers of the K patches that are kept of each picture, in their order; all
                when not given.
        """
        patches = self.patch_embed.proj(jnp.moveaxis(pixels_B3HW, 1, 3))
        size, *_, width = patches.shape
        start = jnp.broadcast_to(self.cls_token[...], (size, 1, width))
        x = jnp.concatenate([start, patches.reshape(size, -1, width)], axis=1)
        x = x + self.pos_embed[...]
        cosines, sines = self.rope.freqs_cos[...], self.rope.freqs_sin[...]
        if keep_BK is not None:
            kept = jnp.take_along_axis(x[:, 1:], keep_BK[:, :, None], axis=1)
            x = jnp.concatenate([x[:, :1], kept], axis=1)
            cosines, sines = cosines[keep_BK][:, :, None], sines[keep_BK][:, :, None]
        else:
            cosines, sines = cosines[:, None], sines[:, None]
        for block in self.blocks:
            x = recomputed(block, self.recomputes)(x, cosines, sines)
        return x


class _PatchEmbed(nnx.Module):
    def __init__(self, width: int, patch: int) -> None:
        self.proj = Conv2d(3, width, patch, stride=patch, bias=True, padding="VALID")


class _Rope(nnx.Module):
    def __init__(self, patches: int, width: int) -> None:
        self.freqs_cos = nnx.BatchStat(jnp.zeros((patches, width), jnp.float32))
        self.freqs_sin = nnx.BatchStat(jnp.zeros((patches, width), jnp.float32))


class _Block(nnx.Module):
    def __init__(self, sizes: VistaSizes) -> None:
        width = sizes.image_width
        self.norm1 = LayerNorm(width, eps=_EPS)
        self.attn = _Attention(width, width // sizes.head_width)
        self.norm2 = LayerNorm(width, eps=_EPS)
        self.mlp = _SwiGlu(width, sizes.image_hidden)

    def __call__(self, x: jax.Array, cosines: jax.Array, sines: jax.Array) -> jax.Array:
        x = x + self.attn(self.norm1(x), cosines, sines)
        return x + self.mlp(self.norm2(x))


class _Attention(nnx.Module):
    """Attention whose queries and values have biases and whose keys have none."""

    def __init__(self, width: int, heads: int) -> None:
        self.heads = heads
        self.q_bias, self.v_bias = (nnx.Param(jnp.zeros(width, jnp.float32)) for _ in range(2))
        self.q_proj, self.k_proj, self.v_proj = (Linear(width, width, bias=False) for _ in range(3))
        self.inner_attn_ln = LayerNorm(width, eps=_EPS)
        self.proj = Linear(width, width)

    def __call__(self, x: jax.Array, cosines: jax.Array, sines: jax.Array) -> jax.Array:
        q = self.q_proj(x) + self.q_bias[...].astype(x.dtype)
        v = self.v_proj(x) + self.v_bias[...].astype(x.dtype)
        q, k = (self._rotated(part, cosines, sines) for part in (q, self.k_proj(x)))
        return self.proj(self.inner_attn_ln(attend(q, k, v, self.heads, None)))

    def _rotated(self, x_BLE: jax.Array, cosines: jax.Array, sines: jax.Array) -> jax.Array:
        """The rows (B, L, E), patches turned by their places; the class, which has none, is not."""
        patches = x_BLE[:, 1:].reshape(*x_BLE[:, 1:].shape[:2], self.heads, -1)
        pairs = patches.reshape(*patches.shape[:-1], -1, 2)
        turned = jnp.stack([-pairs[..., 1], pairs[..., 0]], axis=-1).reshape(patches.shape)
        placed = (patches * cosines + turned * sines).astype(x_BLE.dtype)
        return jnp.concatenate([x_BLE[:, :1], placed.reshape(x_BLE[:, 1:].shape)], axis=1)


class _SwiGlu(nnx.Module):
    """SwiGLU (Shazeer, arXiv 2002.05202) with a layer norm over its hidden width."""

    def __init__(self, width: int, hidden: int) -> None:
        self.w1, self.w2 = Linear(width, hidden), Linear(width, hidden)
        self.ffn_ln = LayerNorm(hidden, eps=_EPS)
        self.w3 = Linear(hidden, width)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.w3(self.ffn_ln(jax.nn.silu(self.w1(x)) * self.w2(x)))
