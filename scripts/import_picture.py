"""Draws docs/imports.svg, which shows who imports whom in the core, floor by floor.

    python scripts/import_picture.py

The floors are those of the contract in pyproject.toml that import-linter enforces; the arrows are
read from the code. A box is a folder, or a module that lies in no folder; all arrows lead down.
The ground floor, which nearly every box uses, has none.
"""

import argparse
import tomllib
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import grimp

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("gcl_spec", "gcl_torch", "gcl_jax", "gcl_reference", "gcl_cli")
COLOURS = ("#4269d0", "#d98b2b", "#3ca951", "#a463f2", "#c94f4f", "#2f8f9d", "#8a6d5a", "#777777")
WIDTH, FLOOR, BOX = 1000, 96, 30

Floors = Sequence[Sequence[str]]
Arrows = dict[tuple[str, str], int]


def floors() -> list[list[str]]:
    """The names on each floor, the highest first: the users of the core, then the core's own."""
    config = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["gcl_spec"])
    own = [layer.replace("|", " ").replace(":", " ").split() for layer in layers]
    return [["gcl_cli", "gcl_torch", "gcl_jax", "gcl_reference"], *own]


def arrows(floors: Floors) -> Arrows:
    """How many imports lead from each box to each other box above the ground floor."""
    graph = grimp.build_graph(*PACKAGES)
    boxes = {name for floor in floors[:-1] for name in floor}
    counts: Arrows = {}
    for module in sorted(graph.modules):
        for imported in graph.find_modules_directly_imported_by(module):
            pair = (_box(module), _box(imported))
            if pair[0] != pair[1] and boxes.issuperset(pair):
                counts[pair] = counts.get(pair, 0) + 1
    return dict(sorted(counts.items()))


def _box(module: str) -> str:
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "gcl_spec" else package


def draw(floors: Floors, arrows: Arrows) -> str:
    """The picture as SVG."""
    height = FLOOR * len(floors)
    places = {
        name: ((i + 0.5) * WIDTH / len(floor), (n + 0.5) * FLOOR)
        for n, floor in enumerate(floors)
        for i, name in enumerate(floor)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Who imports whom in gcl_spec; all arrows lead down</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        *_lines(arrows, places),
        *_boxes(places),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _lines(arrows: Arrows, places: dict[str, tuple[float, float]]) -> Iterator[str]:
    for (start, end), count in arrows.items():
        (x1, y1), (x2, y2) = places[start], places[end]
        colour = COLOURS[list(places).index(start) % len(COLOURS)]
        y1, y2 = y1 + BOX / 2, y2 - BOX / 2
        bend = FLOOR * 0.45
        curve = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} "
        yield (
            f'<path d="{curve}{x2:.0f},{y2:.0f}" fill="none" stroke="{colour}" '
            f'stroke-width="{min(4.0, 0.6 + count / 6):.1f}" opacity="0.55">'
            f"<title>{escape(start)} to {escape(end)}: {count} imports</title></path>"
        )


def _boxes(places: dict[str, tuple[float, float]]) -> Iterator[str]:
    for n, (name, (x, y)) in enumerate(places.items()):
        width = 9 * len(name) + 22
        yield (
            f'<rect x="{x - width / 2:.0f}" y="{y - BOX / 2:.0f}" width="{width}" height="{BOX}" '
            f'rx="6" fill="white" stroke="{COLOURS[n % len(COLOURS)]}" stroke-width="1.5"/>'
        )
        yield f'<text x="{x:.0f}" y="{y + 4.5:.1f}" text-anchor="middle">{escape(name)}</text>'


def picture() -> str:
    """The picture of the code as it stands."""
    levels = floors()
    return draw(levels, arrows(levels))


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "imports.svg")
    out: Path = parser.parse_args().out
    out.write_text(picture(), encoding="utf-8")
    print(out)


if __name__ == "__main__":
    main()
