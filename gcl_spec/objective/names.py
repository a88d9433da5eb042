"""Names of modalities: given ones, and fused ones that are made of these, such as image+text."""

from collections.abc import Iterable

from gcl_spec.errors import ConfigError

__all__ = ["check_name", "given_names", "in_order", "name_parts", "same_parts"]


def name_parts(modality: str) -> tuple[str, ...]:
    """The given modalities that a name is made of: itself, or the parts of a fused one.

    >>> name_parts("text"), name_parts("image+text")
    (('text',), ('image', 'text'))
    """
    return tuple(modality.split("+"))


def check_name(modality: str) -> None:
    """Refuse a name of a fused modality whose parts are not each named once.

    Raises:
        ConfigError: a part has no name, as in "a++b", or is there twice.
    """
    parts = name_parts(modality)
    if "" in parts or len({*parts}) < len(parts):
        raise ConfigError(
            f"modality {modality!r}: a + joins the names of different modalities, as in "
            "'image+text'"
        )


def given_names(modalities: Iterable[str]) -> tuple[str, ...]:
    """The modalities that inputs are given for: those that are not fused, and parts of these.

    >>> given_names(("image", "text", "image+text")), given_names(["text+audio", "text"])
    (('image', 'text'), ('text', 'audio'))
    """
    names = tuple(modalities)
    single = [name for name in names if len(name_parts(name)) == 1]
    return tuple(dict.fromkeys((*single, *(part for n in names for part in name_parts(n)))))


def same_parts(parts: Iterable[str], modalities: Iterable[str]) -> str | None:
    """The modality that is made of exactly these parts, in any order; None where there is none.

    >>> same_parts(["text", "audio"], ("text", "audio+text"))
    'audio+text'
    """
    wanted = {*parts}
    return next((name for name in modalities if {*name_parts(name)} == wanted), None)


def in_order(modalities: Iterable[str]) -> tuple[str, ...]:
    """Each name once: given modalities in alphabetical order, then those of two parts, and so on.

    >>> in_order(["image+text", "text", "image", "audio", "text"])
    ('audio', 'image', 'text', 'image+text')
    """
    return tuple(sorted({*modalities}, key=lambda name: (len(name_parts(name)), name)))
