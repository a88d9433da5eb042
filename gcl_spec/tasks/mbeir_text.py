"""The texts and ids of M-BEIR, as UniIR's data classes make them.

The rules are those of UniIR (arXiv 2311.17136), https://github.com/TIGER-AI-Lab/UniIR.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gcl_spec.data.formats.jsonl import read_text
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = [
    "DATASETS",
    "MODALITIES",
    "TASK_IDS",
    "Instructions",
    "formatted",
    "modality_of",
    "names_of_sets",
    "split_id",
    "with_instruction",
]

DATASETS = (
    "visualnews",
    "fashion200k",
    "webqa",
    "edis",
    "nights",
    "oven",
    "infoseek",
    "fashioniq",
    "cirr",
    "mscoco",
)
"""The data sets, by the number with which their ids begin."""

MODALITIES = ("image", "text", "image,text")
"""The only spellings of modalities; UniIR's evaluation stops at others, such as "text,image"."""

TASK_IDS = {
    ("text", "image"): 0,
    ("text", "text"): 1,
    ("text", "image,text"): 2,
    ("image", "text"): 3,
    ("image", "image"): 4,
    ("image", "text,image"): 5,
    ("image,text", "text"): 6,
    ("image,text", "image"): 7,
    ("image,text", "image,text"): 8,
}
"""The number of a search by the modalities of query and candidate; no data set has number 5."""

_CELLS = 4  # columns before the prompts: two modalities, name and number of the data set


def formatted(text: str | None) -> str:
    """A text as it is encoded: without the quotes around it, with a capital and a full stop.

    >>> formatted('"quoted title" '), formatted("really?"), formatted(None)
    ('Quoted title.', 'Really?', '')
    """
    text = (text or "").replace("\r", "").strip().strip('"')
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."


def with_instruction(instruction: str, text: str | None) -> str:
    """A query's text behind an instruction; the text itself keeps its first letter and blanks.

    >>> with_instruction("find the picture", "a red cat")
    'Find the picture. a red cat.'
    """
    return formatted(f"{formatted(instruction)} {text or ''}")


def split_id(id: str, place: str) -> tuple[int, int]:
    """The number of the data set, and the item's own, of an id such as "9:123".

    Raises:
        DataError: it is none; `place` says where it stands.
    """
    dataset, colon, number = id.partition(":")
    whole = f"{dataset}{number}"
    if not colon or not dataset or not number or not (whole.isascii() and whole.isdecimal()):
        raise DataError(f"{place}: {id!r:.80} is no id of M-BEIR; wanted DATASET:NUMBER, as 9:123")
    return int(dataset), int(number)


def modality_of(place: str, record: dict[str, Any], key: str) -> str:
    """A field that spells modalities; a `DataError` for other spellings."""
    value = record.get(key)
    if value not in MODALITIES:
        raise DataError(
            f"{place}: {key!r} is {value!r:.80}, but M-BEIR spells it "
            + ", ".join(map(repr, MODALITIES))
        )
    return str(value)


class Instructions:
    """The prompts of instructions/query_instructions.tsv.

    UniIR draws one of the prompts at random for each item, also at evaluation; here the first one
    is taken, or another by its number.
    """

    PATH = "instructions/query_instructions.tsv"

    def __init__(self, root: Root, folder: str = "") -> None:
        """Read the file; a `DataError` names a malformed line."""
        path = f"{folder}{self.PATH}"
        self._file = f"{root.name}: {path}"
        self._prompts: dict[tuple[str, str, int], Sequence[str]] = {}
        for number, line in enumerate(read_text(root, path).split("\n")[1:], 2):
            if not line.strip():
                continue
            cells = line.strip().split("\t")
            prompts = [cell for cell in cells[_CELLS:] if cell.strip()]
            if not prompts or not cells[3].strip().isdecimal():
                raise DataError(
                    f"{self._file}:{number}: wanted two modalities, a data set's name and number, "
                    f"and a prompt, with tabs between; got {line!r:.120}"
                )
            self._prompts[cells[0].strip(), cells[1].strip(), int(cells[3])] = prompts

    def prompt(self, asked: str, sought: str, dataset: int, place: str, number: int = 0) -> str:
        """The prompt of a search.

        Args:
            asked, sought: the modalities of query and candidate, as M-BEIR spells them.
            dataset: the number of the data set.
            place: where the query stands, for errors.
            number: which of the prompts, from 0; after the last comes the first again.

        Raises:
            DataError: there is none.
        """
        prompts = self._prompts.get((asked, sought, dataset))
        if prompts is None:
            raise DataError(
                f"{place}: no instruction for {asked} -> {sought} of data set {dataset} in "
                f"{self._file}; add a line, or read without instructions"
            )
        return prompts[number % len(prompts)]


def names_of_sets() -> Mapping[str, tuple[int, int]]:
    """The 16 test sets in the order of UniIR's tables: number of data set and task by name."""
    tasks = (
        (0, "visualnews mscoco fashion200k"),
        (1, "webqa"),
        (2, "edis webqa"),
        (3, "visualnews mscoco fashion200k"),
        (4, "nights"),
        (6, "oven infoseek"),
        (7, "fashioniq cirr"),
        (8, "oven infoseek"),
    )
    return {
        f"{name}_task{task}": (DATASETS.index(name), task)
        for task, names in tasks
        for name in names.split()
    }
