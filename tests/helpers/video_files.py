"""Data with small videos, and a config for the small CLIP that sees four frames of each."""

import json
from pathlib import Path

from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from videos import video_of

VIDEOS = ("video", "text", "video+text")
FRAMES = 4


def write_videos(folder: Path, count: int, *, length: int = 8) -> list[str]:
    """Videos of grey frames, each a little lighter than the last; their paths in the folder."""
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    names = [f"videos/{n}.mp4" for n in range(count)]
    for n, name in enumerate(names):
        (folder / name).write_bytes(video_of([16 * n + k for k in range(length)]))
    return names


def write_samples(folder: Path, count: int = 6) -> Path:
    """A folder with train.jsonl, a video and its caption a line."""
    names = write_videos(folder, count)
    lines = [
        {"id": str(n), "video": name, "captions": [f"level {n}"]} for n, name in enumerate(names)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def small(folder: Path, *sets: str, modalities: tuple[str, ...] = VIDEOS) -> Config:
    """The recipe "tiny" on such data."""
    options = [
        f"model.modalities={json.dumps(modalities)}", f"model.frames={FRAMES}",
        f"data.path={folder}", f"data.cache={folder.parent / 'cache'}", "data.workers=0",
        "train.batch_size=6", "train.steps=4", "optim.warmup_steps=0",
    ]  # fmt: skip
    return load(recipe="tiny", overrides=[*options, *sets])


def write_covr(folder: Path, count: int = 6) -> Path:
    """WebVid-CoVR in its own layout, for training and testing, with searches for training, too.

    Returns:
        The file of the training rows.
    """
    names = write_videos(folder, count)
    ids = [name.removesuffix(".mp4") for name in names]
    rows = [(ids[n], ids[(n + 1) % count]) for n in range(count)]
    train = folder / "webvid2m-covr_train.csv"
    lines = [f"{one},{two},make it {n} steps lighter" for n, (one, two) in enumerate(rows)]
    train.write_text("\n".join(["pth1,pth2,edit", *lines]) + "\n")
    lines = [f'{one},{two},make it lighter,"[0.1]"' for one, two in rows]
    (folder / "webvid8m-covr_test.csv").write_text(
        "\n".join(["pth1,pth2,edit,scores", *lines]) + "\n"
    )
    task = folder / "tasks" / "covr"
    task.mkdir(parents=True)
    found = [{"id": str(n), "video": name} for n, name in enumerate(names)]
    asked = [item | {"text": "make it lighter"} for item in found]
    for name, items in (("queries", asked), ("candidates", found)):
        (task / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    qrels = [f"{n}\t{(n + 1) % count}\n" for n in range(count)]
    (task / "qrels.tsv").write_text("".join(qrels))
    return train
