"""Results as JUnit XML, which every CI system shows."""

from collections import Counter
from xml.etree import ElementTree

from gcl_spec.conformance.verify import Verdict

__all__ = ["junit_xml"]


def junit_xml(verdict: Verdict) -> bytes:
    """A `testcase` for each backend, dtype, device, number of processes, case and quantity."""
    root = ElementTree.Element("testsuites")
    suites: dict[str, ElementTree.Element] = {}
    counts, failures = Counter[str](), Counter[str]()
    for result in verdict.results:
        name = f"{result.backend}.{result.dtype}.{result.device}"
        name = _legal(name + (f".{result.processes}" if result.processes > 1 else ""))
        if name not in suites:
            suites[name] = ElementTree.SubElement(root, "testsuite", name=name)
        counts[name] += 1
        case = ElementTree.SubElement(
            suites[name],
            "testcase",
            classname=name,
            name=_legal(f"{result.case} / {result.quantity}"),
        )
        if not result.agrees:
            failures[name] += 1
            failure = ElementTree.SubElement(case, "failure", message=_legal(result.message))
            failure.text = _legal(f"objective {result.objective}, masks {result.masks}")
    for name, suite in suites.items():
        suite.set("tests", str(counts[name]))
        suite.set("failures", str(failures[name]))
    root.set("tests", str(counts.total()))
    root.set("failures", str(failures.total()))
    root.set("time", f"{verdict.seconds:.3f}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _legal(text: str) -> str:
    """The text without control characters, which XML 1.0 forbids and messages may have."""
    return "".join(c if c.isprintable() else " " for c in text)
