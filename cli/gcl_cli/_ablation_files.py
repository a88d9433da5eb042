"""`gcl ablate`: the files that it leaves in the folder of an ablation."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gcl_spec._files.atomic import atomic_write

if TYPE_CHECKING:
    from gcl_spec.evaluate.ablated import AblationRow

__all__ = ["write_ablation"]


def write_ablation(out: Path, rows: "Sequence[AblationRow]", reference: str) -> None:
    """Write the page, the figure, and the rows as Markdown and JSON.

    Args:
        out: the folder of the ablation.
        rows: its rows.
        reference: the objective that others are compared with.

    Raises:
        FileError: a file cannot be written.
    """
    from gcl_spec.report.ablation_page import ablation_page, figure
    from gcl_spec.report.ablation_tables import (
        ablation_rows,
        geometry_rows,
        legend,
        markdown,
        titles,
    )

    words = shlex.join(["gcl", *(word for word in sys.argv[1:] if word != "--show")])
    tables = [f"    {words}\n"]
    for name, title in titles(rows).items():
        tables.append(f"hit@10, {title}:\n\n{markdown(ablation_rows(rows, name))}")
    tables.append(f"{legend(reference)}\n")
    tables.append(f"The space:\n\n{markdown(geometry_rows(rows))}")
    for file_name, text in {
        "ablation.html": ablation_page(out.name, words, rows, reference),
        "ablation.svg": figure(rows, alone=True),
        "ablation.md": "\n".join(tables),
        "ablation.json": json.dumps({"rows": [row.to_json() for row in rows]}, indent=1),
    }.items():
        with atomic_write(out / file_name) as file:
            file.write(text.encode(errors="backslashreplace"))
