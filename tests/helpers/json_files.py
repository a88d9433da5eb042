"""Changes of single values in JSON files."""

import json
from pathlib import Path
from typing import Any


def change(folder: Path, name: str, **values: Any) -> None:
    """Keys of a JSON file; a__b is the key b of the object a."""
    content = json.loads((folder / name).read_text())
    for key, value in values.items():
        *parts, last = key.split("__")
        inner = content
        for part in parts:
            inner = inner[part]
        inner[last] = value
    (folder / name).write_text(json.dumps(content))
