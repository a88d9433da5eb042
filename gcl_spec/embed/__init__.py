"""Embeddings of pictures, texts and pairs, by a trained model.

Start reading at `encode`; `gcl_spec.load_run` gives users the same from a run folder.
"""

from gcl_spec.embed.encode import encode, images_of, pairs_of, texts_of

__all__ = [
    "encode",
    "images_of",
    "pairs_of",
    "texts_of",
]
