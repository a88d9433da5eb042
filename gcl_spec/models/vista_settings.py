"""What a VISTA model is made of: the sizes of its weights, and what configurations add to them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json
from gcl_spec.models.vista_layout import BASE, M3, Shapes, VistaSizes, check_keys, sizes_of

__all__ = ["EVA_FILE", "TEMPERATURE", "VistaSettings", "eva_config", "read_settings", "text_config"]

EVA_FILE = "eva.json"
"""The configuration of the image tower in the keys of EVA-CLIP, where it is not the published."""

TEMPERATURE = 0.02
"""The temperature with which VISTA was trained (`Visualized_BGE.temperature`)."""

_HEAD = 64
_FREQUENCY_GRID = 16
# Another value of one of these makes another architecture.
_ARCHITECTURE = {
    "rope": True, "naiveswiglu": True, "subln": True, "intp_freq": True, "postnorm": False,
    "ls_init_value": None, "pt_hw_seq_len": _FREQUENCY_GRID, "qkv_bias": True,
    "global_average_pool": False,
}  # fmt: skip
# The text encoders of the published kinds, by their rows of token types: BERT has two.
_TEXT: Mapping[int, dict[str, Any]] = {
    2: {"model_type": "bert", "heads": 12, "eps": 1e-12, "act": "gelu", "pad": 0},
    1: {"model_type": "xlm-roberta", "heads": 16, "eps": 1e-5, "act": "gelu", "pad": 1},
}


@dataclass(frozen=True, slots=True)
class VistaSettings:
    """The settings of a VISTA model, checked against its weights.

    sizes: the sizes of its weights. heads: those of the text encoder. eps: of its layer norms.
    act: the name of its activation. pad: the number of its padding token. roberta: whether texts
    alone have RoBERTa's positions, which start behind that number.
    """

    sizes: VistaSizes
    heads: int
    eps: float
    act: str
    pad: int
    roberta: bool

    @property
    def image_heads(self) -> int:
        """The heads of the image tower."""
        return self.sizes.image_width // self.sizes.head_width

    @property
    def most_tokens(self) -> int:
        """The tokens for which a text alone has positions."""
        return self.sizes.positions - (self.pad + 1 if self.roberta else 0)

    @property
    def most_beside_image(self) -> int:
        """The tokens, [CLS] and [SEP] among them, for which a text beside an image has room."""
        return self.sizes.positions - self.sizes.patches


def read_settings(shapes: Shapes, folder: Path, text: Path, where: str) -> VistaSettings:
    """The settings of a checkpoint.

    Args:
        shapes: the shapes of its weights.
        folder: where eva.json lies, if there is one.
        text: where the text encoder's config.json lies, if there is one.
        where: the weights, for errors.

    Raises:
        DataError: the weights are those of no VISTA, a configuration contradicts them or is of
            another architecture, or there is none where the model is not of the published sizes.
    """
    vision, eva = _vision(folder / EVA_FILE)
    sizes = sizes_of(shapes, head_width=vision.get("head_width"))
    check_keys(shapes, sizes, where)
    assert sizes is not None  # `check_keys` has refused what has no sizes
    _check_vision(vision, sizes, eva)
    encoder = _text(sizes, text / "config.json", where)
    if sizes.width % encoder["heads"] or sizes.image_width % sizes.head_width:
        raise DataError(f"{where}: the heads do not divide the widths {sizes.width} of the text "
                        f"encoder and {sizes.image_width} of the image tower")  # fmt: skip
    return VistaSettings(
        sizes, encoder["heads"], encoder["eps"], encoder["act"], encoder["pad"],
        encoder["model_type"] == "xlm-roberta",
    )  # fmt: skip


def _vision(path: Path) -> tuple[dict[str, Any], Path]:
    if not path.is_file():
        return {}, path
    settings = read_json(path).get("vision_cfg")
    if not isinstance(settings, dict):
        raise DataError(f"{path}: no vision_cfg; is this a configuration of EVA-CLIP?")
    return settings, path


def _check_vision(vision: Mapping[str, Any], sizes: VistaSizes, path: Path) -> None:
    for name, wanted in _ARCHITECTURE.items():
        if name in vision and vision[name] != wanted:
            raise DataError(
                f"{path}: vision_cfg.{name} = {vision[name]!r:.40} makes another architecture than "
                f"EVA02-CLIP's own ({wanted!r}), and is not read"
            )
    own = {
        "width": sizes.image_width, "layers": sizes.image_layers, "patch_size": sizes.patch,
        "image_size": sizes.image_size, "head_width": sizes.head_width,
    }  # fmt: skip
    _check_same(vision, own, path, "vision_cfg.")


def _text(sizes: VistaSizes, path: Path, where: str) -> dict[str, Any]:
    """The heads, eps, act, pad and model_type of the text encoder."""
    usual = _TEXT.get(sizes.token_types)
    if usual is None:
        raise DataError(
            f"{where}: bge_embeddings.token_type_embeddings has {sizes.token_types} rows; a BERT "
            "has 2, and an XLM-RoBERTa 1"
        )
    if not path.is_file():
        if sizes in (BASE, M3):
            return dict(usual)
        raise DataError(
            f"{where}: a VISTA of its own sizes needs the config.json of its text encoder, in the "
            "folder bge beside it or in that of model.text_path"
        )
    settings = read_json(path)
    own = {
        "model_type": usual["model_type"], "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers, "intermediate_size": sizes.hidden,
        "vocab_size": sizes.vocabulary, "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.token_types, "position_embedding_type": "absolute",
    }  # fmt: skip
    _check_same(settings, own, path, "")
    keys = {"num_attention_heads": "heads", "layer_norm_eps": "eps", "hidden_act": "act",
            "pad_token_id": "pad"}  # fmt: skip
    given = {short: settings[key] for key, short in keys.items() if settings.get(key) is not None}
    whole = usual | given
    for name, kinds in (("heads", int), ("eps", int | float), ("act", str), ("pad", int)):
        x = whole[name]
        bad = not isinstance(x, kinds) or isinstance(x, bool)
        if bad or (not isinstance(x, str) and not (name == "heads") <= x < math.inf):
            key = next(key for key, short in keys.items() if short == name)
            raise DataError(f"{path}: {key} = {x!r:.40} is of no use")
    return whole


def _check_same(
    settings: Mapping[str, Any], own: Mapping[str, Any], path: Path, prefix: str
) -> None:
    for name, value in own.items():
        given = settings.get(name)
        if given is not None and given != value:
            raise DataError(
                f"{path}: {prefix}{name} is {given!r:.60}, but the weights have {value!r}; the "
                "files are not of one model"
            )


def eva_config(settings: VistaSettings) -> dict[str, Any]:
    """The content of eva.json for a model, in the keys of EVA-CLIP's configurations."""
    sizes = settings.sizes
    vision = {
        "image_size": sizes.image_size, "layers": sizes.image_layers, "width": sizes.image_width,
        "head_width": sizes.head_width, "patch_size": sizes.patch, "mlp_ratio": 2.6667,
        "drop_path_rate": 0, "xattn": True, "fusedLN": True, "rope": True,
        "pt_hw_seq_len": _FREQUENCY_GRID, "intp_freq": True, "naiveswiglu": True, "subln": True,
    }  # fmt: skip
    return {"embed_dim": sizes.image_out, "vision_cfg": vision}


def text_config(settings: VistaSettings) -> dict[str, Any]:
    """The content of the text encoder's config.json for a model, as transformers writes it."""
    sizes = settings.sizes
    kind = "xlm-roberta" if settings.roberta else "bert"
    return {
        "architectures": ["XLMRobertaModel" if settings.roberta else "BertModel"],
        "model_type": kind, "vocab_size": sizes.vocabulary, "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers, "num_attention_heads": settings.heads,
        "intermediate_size": sizes.hidden, "hidden_act": settings.act,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": sizes.positions, "type_vocab_size": sizes.token_types,
        "layer_norm_eps": settings.eps, "pad_token_id": settings.pad,
        "position_embedding_type": "absolute",
    }  # fmt: skip


def settings_key(settings: VistaSettings) -> dict[str, Any]:
    """The settings as plain values, for checksums."""
    return asdict(settings)
