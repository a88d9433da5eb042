"""Verdicts as JUnit XML: counts, failures with their message, and no forbidden character."""

from xml.etree import ElementTree

from gcl_spec.conformance.junit import junit_xml
from gcl_spec.conformance.verify import Result, Verdict


def result(case: str, *, agrees: bool = True, processes: int = 1, note: str = "") -> Result:
    measures = (1e-3, 1e-6, 1.0, 10.0, 1e-3)
    place = ("torch", "cpu", processes, "float32", "gcl", "none")
    return Result(*place, case, "loss", *measures, agrees=agrees, note=note)


def test_suites_and_counts() -> None:
    results = (result("a"), result("b", agrees=False), result("a", processes=2))
    root = ElementTree.fromstring(junit_xml(Verdict(results, seconds=1.5)))
    assert root.attrib == {"tests": "3", "failures": "1", "time": "1.500"}
    suites = {suite.get("name"): suite for suite in root}
    assert {*suites} == {"torch.float32.cpu", "torch.float32.cpu.2"}
    one = suites["torch.float32.cpu"]
    assert (one.get("tests"), one.get("failures")) == ("2", "1")
    assert [case.get("name") for case in one] == ["a / loss", "b / loss"]
    (failure,) = one.iter("failure")
    assert failure.get("message") == result("b", agrees=False).message
    assert failure.text == "objective gcl, masks none"


def test_characters_that_xml_forbids() -> None:
    written = junit_xml(Verdict((result("a\x00b", agrees=False, note="bell \x07 <&>"),)))
    (case,) = ElementTree.fromstring(written).iter("testcase")
    assert case.get("name") == "a b / loss"
    assert case[0].get("message") == "bell   <&>"
