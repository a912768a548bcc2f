"""`junit.xml`: one suite a stage, one test case a scenario, as CI systems show them."""

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
from chaoslab.report.properties import properties_of

# What XML 1.0 cannot hold at all, beside what is escaped anyway.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS: tuple[ScenarioOutcome, ...] = ("UNKNOWN", "FLAKY", "not run")


def save_junit(result: GateResult) -> Path:
    """Write `junit.xml` into the gate's folder."""
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
    if stopped:  # a stage that was stopped is no stage whose scenarios merely passed so far
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
    if result.verdicts:
        properties = xml.SubElement(case, "properties")
        for name, value in properties_of(result.verdicts):
            xml.SubElement(properties, "property", name=_text(name), value=_text(value))
    if result.outcome == "PASS":
        return case
    tag = {"FAIL": "failure", "skipped": "skipped"}.get(result.outcome, "error")
    told = xml.SubElement(case, tag, message=_text(result.reasons[0] if result.reasons else ""))
    if tag != "skipped":
        told.set("type", result.outcome)
    lines = (*result.reasons, *(f"run: {each}" for each in result.folders))
    told.text = "\n".join(map(_text, lines))
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
        told = xml.SubElement(case, "failure", type="FAIL", message=_text(finding.what))
        told.text = "\n".join(map(_text, str(finding).split("\n")))
    for check in checks:
        xml.SubElement(suite, "testcase", name=_text(check.rule), classname="preflight")
    return suite


def _text(text: str) -> str:
    """On one line, and nothing in it that XML cannot hold or that steers whatever shows it."""
    return _NO_XML.sub("�", one_line(text))
