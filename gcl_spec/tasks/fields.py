"""Fields of the lines of published data sets, which are texts, and ids that may be integers."""

from collections.abc import Mapping
from typing import Any

from gcl_spec.data.names import plain, shown
from gcl_spec.data.sample import as_id
from gcl_spec.errors import DataError

__all__ = ["check_names", "id_of", "text_of"]


def check_names(
    place: str, record: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]
) -> None:
    """Refuse a line whose text stands under another name than the one that is read.

    Args:
        place: where the line stands, for errors.
        record: the line.
        names: the names that are read or known not to matter, each with those that may mean it;
            capitals, blanks and hyphens are overlooked.

    Raises:
        DataError: there is such a name, and nothing under the one that it may mean.
    """
    for key in record.keys() - names.keys():
        for name, like in names.items():
            if plain(key) in (plain(name), *like) and record[key] and not record.get(name):
                raise DataError(
                    f"{place}: {shown(key)} is not a known name, and there is no {name!r}; rename "
                    "or remove it"
                )


def text_of(place: str, record: Mapping[str, Any], key: str) -> str | None:
    """The text of a field; None where it is null, "" or absent.

    Args:
        place: where the line stands, for errors.
        record: the line.
        key: the name of the field.

    Raises:
        DataError: the field holds something else.
    """
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{place}: {key!r} must be a text or null, not {value!r:.80}")
    return value or None


def id_of(place: str, record: Mapping[str, Any], key: str) -> str:
    """The id in a field, which an integer may be, too.

    Args:
        place: where the line stands, for errors.
        record: the line.
        key: the name of the field.

    Raises:
        DataError: the field is empty, absent, or holds something else.
    """
    id = as_id(record.get(key))
    if not isinstance(id, str) or not id:
        raise DataError(f"{place}: {key!r} must be a text or an integer, not {id!r:.80}")
    return id
