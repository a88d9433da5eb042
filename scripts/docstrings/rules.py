"""What a docstring lacks: shapes, arguments, sources, `Raises`, a subject.

A shape is written "(B, D)", "shape ()", "0-d", "a scalar", or in words ("any shape", "the shape of
z"); the suffix of a name, such as `_BD`, is one, too (`gcl_spec._typing` has the legend). A
docstring may leave shapes and arguments to a function that it names in backticks.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from docstrings.read import Documented, is_array

__all__ = ["Rules", "arrays", "has_formula", "has_source", "says_only_see", "without_subject"]

_AXIS = r"(?:\d+|\.\.\.|\d*[A-Z]\w{0,2}'?)"
_AXES = rf"{_AXIS}(?: ?[-+*/] ?{_AXIS})*"
_SHAPE = re.compile(
    rf"\({_AXES}(?:,|(?:, (?:{_AXES}|[a-z]+))+)\)|\b[Ss]hapes? \(|0-d|\bscalars?\b"
    r"|\b(?:any|same|the|whose|its|their|own|other) shapes?\b|\bshapes? (?:of|as|and)\b",
)
_SUFFIX = re.compile(r"_(?:\d*[A-Z]|\d)+$")
_REFERENCE = re.compile(r"`([A-Za-z_][\w.]*)`")
_FORMULA = re.compile(r"(?<![=<>!])= .*(?:[-+*/|]|\bsum|\bexp|\blog|\bsqrt)|\b(?:exp|log|sqrt)\(")
_SOURCE = re.compile(
    r"\b\d{4}\.\d{4,5}\b|https?://|\bet al\b|\beq(?:uation|s?\.)|[A-Z]\w+ and [A-Z]\w+"
    r"|\((?:[A-Z][^()]*, )?(?:19|20)\d\d\)|\bsection \d|\b(?:19|20)\d\d\)|\bderived here\b"
)
_OPENERS = re.compile(
    r"^(?:Those|That|As|Like|Also|Of|Not|Never|Only|And|Or|With|Without|In|On|For|By|To|From|Which|"
    r"Equal|Else|But|Same|Because|So|Than)\b"
)
_SEE = re.compile(r"^(?:See|As|Like)\b[^.]*`[^`]+`[^.]*\.?$")


class Rules:
    """The rules over all docstrings, of which one may hand on to another."""

    def __init__(self, every: Iterable[Documented]) -> None:
        self._named: dict[str, list[Documented]] = defaultdict(list)
        for symbol in every:
            self._named[symbol.name.rpartition(".")[2]].append(symbol)

    def without_shape(self, symbol: Documented) -> Iterator[str]:
        """The array arguments that have no shape, and "the result" where that has none."""
        for name, annotation in symbol.arguments.items():
            if is_array(annotation) and not self._shaped(symbol, name, ()):
                yield name
        if is_array(symbol.returns) and not self._shaped(symbol, "", ()):
            yield "the result"

    def misnamed(self, symbol: Documented) -> Iterator[str]:
        """What an "Args" section says wrong: names that are no arguments, arguments it leaves out.

        A section that is not there says nothing wrong.
        """
        if "Args" in symbol.sections:
            yield from (f"{n} is no argument" for n in symbol.entries if n not in symbol.arguments)
            yield from (f"{n} is left out" for n in symbol.arguments if n not in symbol.entries)

    def _shaped(self, symbol: Documented, argument: str, seen: tuple[str, ...]) -> bool:
        """Has an argument a shape? "" is the result."""
        told = symbol.told(argument) if argument else symbol.result
        # The text itself may speak of the result, or of an argument that is the only array.
        alone = not argument or list(map(is_array, symbol.arguments.values())).count(True) == 1
        prose = symbol.sections[""].partition(">>>")[0] if alone and not told else ""
        if _SUFFIX.search(argument) or _SHAPE.search(told or prose):
            return True
        handed = [told] if argument in symbol.entries else [symbol.doc]
        for target in chain.from_iterable(self._targets(symbol, text) for text in handed):
            place = f"{target.module}.{target.name}"
            there = argument in target.arguments or not argument
            if there and place not in seen and self._shaped(target, argument, (*seen, place)):
                return True
        return False

    def _targets(self, symbol: Documented, text: str) -> Iterator[Documented]:
        """The functions and classes that a text names in backticks."""
        for spelled in _REFERENCE.findall(text):
            *owner, name = spelled.split(".")
            for target in self._named[name]:
                path = [*target.module.split("."), *target.name.split(".")[:-1]]
                if target is not symbol and all(part in path for part in owner):
                    yield target


def has_formula(symbol: Documented) -> bool:
    """Does the text, examples left out, state a formula?"""
    return any(_FORMULA.search(line) for line in _prose(symbol).splitlines())


def has_source(symbol: Documented) -> bool:
    """Does the docstring name a paper, an equation, a section or a link, or say "derived here"?"""
    return bool(_SOURCE.search(symbol.doc))


def says_only_see(symbol: Documented) -> bool:
    """Does the docstring only refer to another one?"""
    return bool(_SEE.match(" ".join(symbol.doc.split())))


def without_subject(symbol: Documented) -> bool:
    """Does the first sentence begin as no sentence with a subject does? A heuristic."""
    first = " ".join(symbol.doc.split()).partition(". ")[0]
    return bool(_OPENERS.match(first)) and not re.search(r", (?:the|a|an|it|this)\b", first)


def _prose(symbol: Documented) -> str:
    return re.sub(r"^ *(?:>>>|\.\.\.).*$", "", symbol.doc, flags=re.MULTILINE)


def arrays(symbol: Documented) -> Mapping[str, str]:
    """The arguments that hold arrays, and the result as "the result" where it does."""
    every = {**symbol.arguments, "the result": symbol.returns}
    return {name: text for name, text in every.items() if is_array(text)}
