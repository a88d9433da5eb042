"""Makes mutants of a module, each with one small change of its syntax tree."""

import ast
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

__all__ = ["Mutant", "mutants"]

_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum"}
_NAMES |= {"maximum": "minimum", "zeros_like": "ones_like", "ones_like": "zeros_like"}
_NAMES |= {"exp": "log", "log": "exp", "sqrt": "abs", "cos": "abs"}
_SYMMETRIC = ("min", "max", "minimum", "maximum")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module.

    line: about where the change is. change: "before -> after" of the one changed line.
    """

    module: str
    line: int
    change: str
    source: str

    @property
    def name(self) -> str:
        """The name of the mutant, which stays as long as its line's text does."""
        return f"{self.module} | {self.change}"


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, each with one change."""
    tree = ast.parse(source)
    statements, seen = list(tree.body), set[str]()
    lines = ast.unparse(tree).splitlines()
    for at, statement in enumerate(statements):
        for line, changed in _changed(statement):
            tree.body = [*statements[:at], *changed.body, *statements[at + 1 :]]
            text = ast.unparse(tree)
            pairs = zip_longest(lines, text.splitlines(), fillvalue="")
            shown = next((f"{a.strip()} -> {b.strip()}" for a, b in pairs if a != b), "")
            if shown and text not in seen:
                seen.add(text)
                yield Mutant(module, line, shown, text)


def _changed(statement: ast.stmt) -> Iterator[tuple[int, ast.Module]]:
    """A module's statement with each of its changes, and about where the change is."""
    alone = ast.Module([statement], [])
    packed = pickle.dumps(alone)
    for place, node in enumerate(_nodes(alone)):
        for change in _changes(node):
            copy = pickle.loads(packed)  # has its nodes in the same order
            change(next(islice(_nodes(copy), place, None)))
            yield _line(node), copy


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run, without annotations, docstrings, imports, error texts and `__all__`."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "type_params", "bases", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_out(child):
                yield child
                yield from _nodes(child)


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Raise | ast.Assert)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """The changes that a node can have; each is made in place on its twin in a copy of the tree."""
    if isinstance(node, ast.Compare):
        for n, operator in enumerate(node.ops):
            for other in _SWAPS.get(type(operator), ()):
                yield lambda twin, n=n, other=other: twin.ops.__setitem__(n, other())
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        for other in _SWAPS.get(type(node.op), ()):
            yield lambda twin, other=other: setattr(twin, "op", other())
        if isinstance(node, ast.BoolOp):
            for n in range(len(node.values)):
                yield lambda twin, n=n: twin.values.__delitem__(n)
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        for value in (True, False):
            yield lambda twin, value=value: setattr(twin, "test", ast.Constant(value))
    elif isinstance(node, ast.Slice):
        for end in ("lower", "upper"):
            if getattr(node, end) is not None:
                yield lambda twin, end=end: setattr(twin, end, _plus_one(getattr(twin, end)))
    yield from _removals(node)


def _constants(value: object) -> Iterator[Callable[[Any], None]]:
    others: tuple[object, ...] = ()
    if isinstance(value, bool):
        others = (not value,)
    elif isinstance(value, int | float):
        others = (value + 1, value - 1, value * 2) if value else (1, -1)
    elif isinstance(value, str):
        others = (f"{value}-",)
    for other in others:
        yield lambda twin, other=other: setattr(twin, "value", other)


def _calls(node: ast.Call) -> Iterator[Callable[[Any], None]]:
    """Changes of a call: another function, arguments in another order, a keyword left out."""
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in _NAMES:
        field = "id" if isinstance(node.func, ast.Name) else "attr"
        yield lambda twin: setattr(twin.func, field, _NAMES[name])
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    if len(node.args) >= 2 and not starred and name not in _SYMMETRIC:
        for n in range(len(node.args) - 1):
            yield lambda twin, n=n: twin.args.insert(n, twin.args.pop(n + 1))
    for n in range(len(node.keywords)):
        yield lambda twin, n=n: twin.keywords.__delitem__(n)


def _removals(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """Removals of a sign or a `not`, or of a statement that is no definition."""
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for n, child in enumerate(children):
            if isinstance(child, ast.UnaryOp) and not isinstance(child.operand, ast.Constant):
                if isinstance(value, list):
                    yield lambda twin, f=field, n=n: _unwrap(getattr(twin, f), n)
                else:
                    yield lambda twin, f=field: setattr(twin, f, getattr(twin, f).operand)
            elif isinstance(value, list) and _can_go(child):
                yield lambda twin, f=field, n=n: getattr(twin, f).__setitem__(n, ast.Pass())


def _can_go(node: object) -> bool:
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant | ast.Yield)
    return isinstance(node, ast.AugAssign | ast.Continue | ast.Break)


def _unwrap(values: list[Any], n: int) -> None:
    values[n] = values[n].operand


def _plus_one(node: ast.expr) -> ast.expr:
    return ast.BinOp(node, ast.Add(), ast.Constant(1))
