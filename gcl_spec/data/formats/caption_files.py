"""Files with the captions of a picture or video, beside it: NAME.txt, NAME.caption or NAME.json."""

from collections.abc import Callable

from gcl_spec._files.reading import parse_json
from gcl_spec.data.sample import clean_captions
from gcl_spec.data.spellings import spellings

__all__ = ["captions_in", "files_beside"]

_ENDINGS = (".txt", ".caption", ".json")
_KEYS = ("caption", "captions", "text", "texts", "txt", "description", "title", "alt")
_MOST_BYTES = 4 * 2**20


def files_beside(path: str, exists: Callable[[str], bool]) -> tuple[str, ...]:
    """The files with captions of a picture or video; also those of NAME.jpg.txt for NAME.jpg.

    An ending may be in capitals, and letters with marks may be composed or not, where there is no
    file of just the name.

    Args:
        path: the path of the picture or video.
        exists: is there a file of a path?

    >>> files_beside("a/b.jpg", {"a/b.json", "a/b.jpg.txt", "b.txt"}.__contains__)
    ('a/b.jpg.txt', 'a/b.json')
    """
    stem = path.rpartition(".")[0]
    paths = []
    for end in _ENDINGS:
        for name in (stem, path):
            forms = (form for x in (end, end.upper()) for form in spellings(name + x))
            paths.append(next(filter(exists, forms), ""))
    return tuple(filter(None, paths))


def captions_in(place: str, content: bytes) -> list[str]:
    """The captions in such a file, without empty ones.

    A .json is a text, a list of texts, or an object with either under a usual name of captions.

    Args:
        place: its path, for errors and its ending.
        content: the content of the file.

    Raises:
        DataError: its captions are no texts.
        ValueError: it is too large, no text, no JSON, or has none of the names.
    """
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it has {len(content):,} bytes, at most {_MOST_BYTES:,} are a caption")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # as "Unicode" of Windows' Notepad is
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not place.lower().endswith(".json"):
        return [text.strip()] if text.strip() else []
    try:
        record = parse_json(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if isinstance(record, str | list):
        record = {"captions": record}
    if not isinstance(record, dict) or not any(key in record for key in _KEYS):
        raise ValueError(f"it has none of the keys {', '.join(_KEYS)}")
    value = next(record[key] for key in _KEYS if key in record)
    return list(clean_captions(place, value))
