"""Finds the public functions, methods and classes of a package, with arguments and docstrings."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["PACKAGES", "Documented", "is_array", "public"]

PACKAGES = {
    "gcl_spec": "gcl_spec",
    "gcl_torch": "backends/gcl_torch",
    "gcl_jax": "backends/gcl_jax",
    "gcl_reference": "reference/gcl_reference",
    "gcl_cli": "cli/gcl_cli",
}
"""The folder of each package in the repository."""

_ARRAYS = re.compile(r"\b(?:(?:Any|Float|Int|Bool)?Array|ndarray|NDArray|Tensor)\b")
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields):[ ]*$", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*(?:\n(?: {5,}.*)?$)*)", re.MULTILINE)


@dataclass(frozen=True)
class Documented:
    """A public function, method or class.

    arguments: the annotations by name, without self and cls; those of a class are the arguments of
    its `__init__`, or else its fields. under: the strings that stand under fields, by name.
    """

    name: str
    module: str
    path: str
    line: int
    kind: str
    doc: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: tuple[str, ...] = ()
    under: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The place as editors and compilers write it."""
        return f"{self.path}:{self.line}: {self.name}"

    @cached_property
    def sections(self) -> Mapping[str, str]:
        """The text under each of "Args", "Returns", "Raises", and what precedes them as ""."""
        prose, *rest = _SECTION.split(self.doc)
        texts = {"": prose}
        for title, text in zip(rest[::2], rest[1::2], strict=True):
            # A section ends where a line is not indented.
            texts[title], _, after = text.partition("\n\n>>>")
            texts[""] += after and "\n\n>>>" + after
        return texts

    @cached_property
    def entries(self) -> Mapping[str, str]:
        """What the section "Args" says of each argument; "image, text: ..." says it of both."""
        listed = _ENTRY.findall(self.sections.get("Args", ""))
        return {name.strip("*"): text for names, text in listed for name in names.split(", ")}

    @property
    def result(self) -> str:
        """The text under "Returns", or "Yields"."""
        return self.sections.get("Returns", "") or self.sections.get("Yields", "")

    def told(self, argument: str) -> str:
        """What is said of an argument in "Args", under the field, or in the text as "name: ..."."""
        if argument in self.entries or argument in self.under:
            return self.entries.get(argument) or self.under[argument]
        names = "|".join(map(re.escape, self.arguments))
        inline = rf"\b{argument}(?:, (?:{names}))*:\s(.*?)(?=\b(?:{names}):\s|$)"
        match = re.search(inline, self.sections[""], re.DOTALL)
        return match[1] if match else ""


def is_array(annotation: str) -> bool:
    """Does the annotation hold an array? Callables that take arrays hold none."""
    return bool(_ARRAYS.search(annotation)) and not annotation.startswith("Callable")


def public(repository: Path) -> Iterator[Documented]:
    """Everything public of all packages, by file and line.

    That is what `__all__` lists, or, without one, what no underscore begins; of public classes the
    methods and properties that no underscore begins.
    """
    for package, folder in PACKAGES.items():
        for path in sorted((repository / folder).rglob("*.py")):
            inner = path.relative_to(repository / folder).with_suffix("").parts
            module = ".".join((package, *(part for part in inner if part != "__init__")))
            tree = ast.parse(path.read_text())
            listed = _all(tree)
            for node in tree.body:
                name = getattr(node, "name", "_")
                if name in listed if listed is not None else not name.startswith("_"):
                    yield from _read(node, module, str(path.relative_to(repository)), "")


def _all(tree: ast.Module) -> list[str] | None:
    """The names that `__all__` lists, None where it does not stand."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed: list[str] = ast.literal_eval(node.value)
            return listed
    return None


def _read(node: ast.AST, module: str, path: str, owner: str) -> Iterator[Documented]:
    """A function, or a class and then its public methods."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    name = f"{owner}.{node.name}" if owner else node.name
    doc = ast.get_docstring(node) or ""
    if isinstance(node, ast.ClassDef):
        yield Documented(name, module, path, node.lineno, "class", doc, **_made_of(node))
        for inner in node.body:
            if not getattr(inner, "name", "_").startswith("_"):
                yield from _read(inner, module, path, name)
        return
    spelled = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    if spelled & {"overload", "setter"}:
        return
    given = _arguments(node, method=bool(owner) and "staticmethod" not in spelled)
    returns = ast.unparse(node.returns) if node.returns else ""
    kind, raised = "method" if owner else "function", tuple(_raises(node))
    yield Documented(name, module, path, node.lineno, kind, doc, given, returns, raised)


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> dict[str, str]:
    """Annotations by name, in the signature's order, without the first one of a method."""
    every = node.args
    given = [*every.posonlyargs, *every.args, *filter(None, [every.vararg])]
    given += [*every.kwonlyargs, *filter(None, [every.kwarg])]
    return {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in given[method:]}


def _made_of(node: ast.ClassDef) -> dict[str, Any]:
    """What a class is made of: `arguments` and `under` of `Documented`."""
    fields, under = {}, {}
    for inner, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return {"arguments": _arguments(inner, method=True)}
        if isinstance(inner, ast.AnnAssign) and not ast.unparse(inner.target).startswith("_"):
            fields[ast.unparse(inner.target)] = ast.unparse(inner.annotation)
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                under[ast.unparse(inner.target)] = str(after.value.value)
    return {"arguments": fields, "under": under}


def _raises(node: ast.AST) -> Iterator[str]:
    """The errors that a body raises itself, without inner functions and without private makers."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call):
            name = ast.unparse(inner.exc.func).rpartition(".")[2]
            yield from () if name.startswith("_") else (name,)
        if not isinstance(inner, ast.FunctionDef | ast.Lambda):
            yield from _raises(inner)
