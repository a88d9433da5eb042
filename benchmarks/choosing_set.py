"""Makes data to choose settings on, of the starter set's training pictures alone.

    python benchmarks/choosing_set.py OUT
    gcl ablate --family --choose-on OUT

A fifth of the families of concepts (all pictures of one thing, in any skin tone and gender) is
held out of train.jsonl; val_tasks/ are searches of all nine kinds among these and the starter set's
validation concepts, made by the rules of the test tasks (`scripts/starter/tasks.py`). Skin tones
are no search here, since training concepts have one tone in one style: instead a picture with words
finds pictures.
"""

import argparse
import hashlib
import json
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from gcl_spec.data.starter import starter_path
from starter.model import Picture, family_words
from starter.tasks import Task, choosing_tasks

SPLITS = ("train", "val")
SHARE = 0.2
_ANYONE = {"man", "men", "woman", "women", "person", "people", "boy", "girl", "male", "female"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    if out.exists():
        parser.error(f"{out} is there already; name a new folder")
    out.mkdir(parents=True)
    with zipfile.ZipFile(starter_path()) as archive:
        lines = {name: archive.read(f"{name}.jsonl").decode().splitlines() for name in SPLITS}
        records = {line: json.loads(line) for split in lines.values() for line in split}
        archive.extractall(out, [record["image"] for record in records.values()])
    pictures = {line: _picture(record) for line, record in records.items()}
    validation = {pictures[line].family for line in lines["val"]}
    away = {
        line for line, one in pictures.items() if one.family in validation or is_held(one.family)
    }
    held = [picture for line, picture in pictures.items() if line in away]
    kept = [line for line in pictures if line not in away]
    (out / "train.jsonl").write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    tasks = choosing_tasks(held)
    for task in tasks:
        _write(out / "val_tasks" / task.name, task)
        print(f"{task.name}: {len(task.queries)} queries, {len(task.candidates)} candidates")
    pool = {candidate for task in tasks for candidate in task.candidates}
    print(f"{len(kept)} pictures to train on, {len(held)} held out; {len(pool)} candidates in all")


def is_held(family: str) -> bool:
    """By a hash of another text than the one that chose test concepts."""
    digest = hashlib.sha256(f"choosing {family}".encode()).hexdigest()
    return int(digest[:8], 16) / 2**32 < SHARE


def _picture(record: dict[str, object]) -> Picture:
    """What a line of train.jsonl tells of a picture: its captions are a name, words, and more."""
    name, captions = str(record["id"]), record["captions"]
    assert isinstance(captions, list)
    label, *more = captions
    tone = label.partition(": ")[2].partition(",")[0]
    tone = tone if tone.endswith("skin tone") else ""
    words = more[0].split(", ") if more else []
    if any(len(text.split()) > 3 for text in words):  # a description, in the place of words
        words = []
    tags = tuple(word for word in words if word != tone)
    style, concept = name.partition("-")[0], str(record["concept"])
    return Picture(name, style, b"", concept, _family(label), label, tags, tone=tone)


def _family(label: str) -> str:
    """The words of a name that skin tones and genders share."""
    words = family_words(label.partition(":")[0]).split()
    return " ".join(word for word in words if word not in _ANYONE) or " ".join(words)


def _write(folder: Path, task: Task) -> None:
    folder.mkdir(parents=True)
    for name, items in (("queries", task.queries), ("candidates", task.candidates)):
        lines = (json.dumps(item, ensure_ascii=False) + "\n" for item in items.values())
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    pairs = "".join(f"{query}\t{candidate}\n" for query, candidate in sorted(task.qrels))
    (folder / "qrels.tsv").write_text(pairs, encoding="utf-8")


if __name__ == "__main__":
    main()
