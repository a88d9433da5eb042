"""The columns and averages of the tables that the GCL paper prints (arXiv 2509.25638)."""

from collections.abc import Mapping

__all__ = ["COLUMNS", "PAPER"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "mbeir": ("global hit@50", "local hit@5"),
    "mmeb": ("local hit@1",),
    "covr": ("local hit@1", "local hit@5", "local hit@10", "local hit@50"),
    "mixbench": ("local ndcg@10", "local ndcg-of-found@10"),
}
"""The columns of the paper's tables, by benchmark; two data sets of M-BEIR have local hit@10."""

PAPER: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "mbeir": {
        "VISTA, pretrained": {"global hit@50": 21.18, "local hit@5": 30.18},
        "VISTA, CL": {"global hit@50": 24.65, "local hit@5": 31.49},
        "VISTA, CL + triplets": {"global hit@50": 25.28, "local hit@5": 32.53},
        "VISTA, CL + sep.": {"global hit@50": 30.45},
        "VISTA, GCL": {"global hit@50": 34.06, "local hit@5": 35.56},
        "CLIP-SF, pretrained": {"global hit@50": 14.92, "local hit@5": 28.51},
        "CLIP-SF, CL": {"global hit@50": 17.52, "local hit@5": 29.51},
        "CLIP-SF, GCL": {"global hit@50": 21.89, "local hit@5": 30.42},
        "TinyCLIP-SF, pretrained": {"global hit@50": 17.36},
        "TinyCLIP-SF, GCL": {"global hit@50": 22.71},
    },
    "mmeb": {
        "VISTA, pretrained": {"local hit@1": 40.3},
        "VISTA, CL": {"local hit@1": 43.4},
        "VISTA, CL + triplets": {"local hit@1": 37.7},
        "VISTA, GCL": {"local hit@1": 44.9},
        "CLIP-SF, pretrained": {"local hit@1": 39.3},
        "CLIP-SF, CL": {"local hit@1": 29.9},
        "CLIP-SF, GCL": {"local hit@1": 44.2},
    },
    "covr": {
        "VISTA, pretrained": {"local hit@1": 31.22},
        "VISTA, CL": {"local hit@1": 33.76},
        "VISTA, GCL": {"local hit@1": 37.52},
        "CLIP-SF, pretrained": {"local hit@1": 37.32},
        "CLIP-SF, CL": {"local hit@1": 19.68},
        "CLIP-SF, GCL": {"local hit@1": 37.60},
    },
    "mixbench": {},
}
"""The averages that the GCL paper prints (arXiv 2509.25638), in percent, by model and column."""
