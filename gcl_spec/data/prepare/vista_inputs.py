"""Pictures and texts as VISTA takes them (`Visualized_BGE.data_process` in FlagEmbedding)."""

from dataclasses import replace

from gcl_spec.config.options import Config
from gcl_spec.data.prepare.checkpoint_pictures import RGB_LAST, ImageProcessor
from gcl_spec.data.prepare.token_rules import token_rules
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.errors import DataError
from gcl_spec.models.vista_files import VistaFiles, vista_files

__all__ = ["vista_pictures", "vista_tokenizer"]

_SPARE_ROWS = 1024
"""The most rows of an embedding that have no token: some models have rows up to a round number."""


def vista_pictures(config: Config) -> ImageProcessor:
    """The preprocessing of pictures: resized, cropped to the centre, and only then RGB."""
    files = vista_files(config)
    side = files.settings.sizes.image_size
    settings = {RGB_LAST: True, "size": side, "crop_size": side}
    return ImageProcessor(settings, kind="CLIP", where=str(files.weights))


def vista_tokenizer(config: Config) -> Tokenizer:
    """The tokenizer of the text encoder, which cuts texts alone to `model.max_tokens`.

    Raises:
        DataError: it cannot be read, or is not that of the model.
    """
    files = vista_files(config)
    settings = files.settings
    rules = token_rules(files.text, min(config.model.max_tokens, settings.most_tokens))
    made = Tokenizer.from_rules(replace(rules, rows=settings.sizes.vocabulary), str(files.text))
    _check_fits(made, files)
    return made


def _check_fits(tokenizer: Tokenizer, files: VistaFiles) -> None:
    rows = files.settings.sizes.vocabulary
    ids, _ = tokenizer(["", "a a a"])
    empty, padding = tuple(ids[0, :2].tolist()), int(ids[0, -1])
    size = tokenizer.size
    for wrong, what in (
        (size > rows, f"it has {size:,} tokens, and the model rows for {rows:,}"),
        (size + _SPARE_ROWS <= rows, f"it has {size:,} tokens only, of the model's {rows:,}"),
        (empty != files.marks, f"it makes {empty} of no text, where {files.marks} are meant"),
        (
            padding != files.settings.pad,
            f"it pads with {padding}, and the model with {files.settings.pad}",
        ),
    ):
        if wrong:
            raise DataError(
                f"{files.text}: the tokenizer does not fit the vocabulary of {files.weights}: "
                f"{what}; give the folder of the right one as model.text_path"
            )
