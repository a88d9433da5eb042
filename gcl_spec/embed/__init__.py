"""Items made into embeddings by a trained model."""

from gcl_spec.embed.encode import encode, images_of, pairs_of, texts_of

__all__ = [
    "encode",
    "images_of",
    "pairs_of",
    "texts_of",
]
