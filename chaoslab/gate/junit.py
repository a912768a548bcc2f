"""Writes `junit.xml` for CI systems: one suite for each stage, one test case for each scenario."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as xml

from chaoslab.gate.result import (
    GateResult,
    ScenarioOutcome,
    ScenarioResult,
    StageResult,
)
from chaoslab.history.files import write_file
from chaoslab.printable import one_line
from chaoslab.report.properties import codes_of, lengths_of, properties_of

# The characters that XML 1.0 does not allow, not even escaped.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS: tuple[ScenarioOutcome, ...] = ("UNKNOWN", "FLAKY", "not run")


def save_junit(result: GateResult) -> Path:
    """Write `junit.xml` into the gate's folder, and return its path."""
    root = xml.Element("testsuites", name="chaoslab gate", time=f"{result.seconds:.3f}")
    if result.preflight is not None:
        root.append(_preflight(result))
    for number, each in enumerate(result.rounds, start=1):
        for stage in each.stages:
            root.append(_suite(stage, f"round {number}: " if result.repeat > 1 else ""))
        for name in each.not_reached:
            xml.SubElement(root, "testsuite", name=_text(name), tests="0", errors="0", failures="0")
    path = Path(result.folder) / "junit.xml"
    write_file(path, xml.tostring(root, encoding="utf-8", xml_declaration=True))
    return path


def _suite(stage: StageResult, prefix: str) -> xml.Element:
    counts = stage.counts
    stopped = stage.mistake or (stage.abort.why if stage.abort else "")
    errors = sum(counts[outcome] for outcome in _ERRORS) + (1 if stopped else 0)
    suite = xml.Element(
        "testsuite",
        name=_text(prefix + stage.stage.name),
        tests=str(len(stage.scenarios) + (1 if stopped else 0)),
        failures=str(counts["FAIL"]),
        errors=str(errors),
        skipped=str(counts["skipped"]),
        time=f"{stage.seconds:.3f}",
    )
    for each in stage.scenarios:
        suite.append(_case(each, prefix + stage.stage.name))
    if stopped:  # so that a stage that was stopped early does not look as if it had passed
        case = xml.SubElement(suite, "testcase", name="the stage", classname=suite.get("name", ""))
        xml.SubElement(case, "error", type=stage.decision.value, message=_text(stopped))
    return suite


def _case(result: ScenarioResult, stage: str) -> xml.Element:
    case = xml.Element(
        "testcase",
        name=_text(result.scenario),
        classname=_text(stage),
        time=f"{result.seconds:.3f}",
    )
    lengths = [each for search in result.how_long for each in lengths_of(search)]
    if found := (*properties_of(result.verdicts), *lengths, *codes_of(result.problems)):
        properties = xml.SubElement(case, "properties")
        for name, value in found:
            xml.SubElement(properties, "property", name=_text(name), value=_text(value))
    if result.outcome == "PASS":
        return case
    tag = {"FAIL": "failure", "skipped": "skipped"}.get(result.outcome, "error")
    element = xml.SubElement(case, tag, message=_text(result.reasons[0] if result.reasons else ""))
    if tag != "skipped":
        element.set("type", result.outcome)
    lines = (*result.reasons, *(f"run: {each}" for each in result.folders))
    element.text = "\n".join(map(_text, lines))
    return case


def _preflight(result: GateResult) -> xml.Element:
    assert result.preflight is not None
    findings, checks = result.preflight.findings, result.preflight.checks
    suite = xml.Element(
        "testsuite",
        name="preflight",
        tests=str(len(findings) + len(checks)),
        failures=str(len(findings)),
        errors="0",
        skipped="0",
    )
    for finding in findings:
        case = xml.SubElement(suite, "testcase", name=_text(finding.rule), classname="preflight")
        element = xml.SubElement(case, "failure", type="FAIL", message=_text(finding.what))
        element.text = "\n".join(map(_text, str(finding).split("\n")))
    for check in checks:
        xml.SubElement(suite, "testcase", name=_text(check.rule), classname="preflight")
    return suite


def _text(text: str) -> str:
    """The text on one line, with control characters escaped and no character that XML forbids."""
    return _NO_XML.sub("�", one_line(text))
