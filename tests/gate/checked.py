"""The verdict file of a gate, checked against its schema, and two scenarios for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "verdict.schema.json").read_text())
PASSES = "@pytest.mark.one\ndef test_passes(saw): saw(starts='PASS')\n"
FAILS = "@pytest.mark.two\ndef test_fails(saw): saw(starts='PASS', recovers='FAIL')\n"
PATIENCE_S = 40.0


class HasVerdict(Protocol):
    """A project whose gate has run."""

    def verdict(self) -> Any:
        """What the gate wrote for machines."""


def checked(project: HasVerdict) -> dict[str, Any]:
    """The verdict file, checked against the schema."""
    verdict = project.verdict()
    jsonschema.validate(verdict, SCHEMA, format_checker=jsonschema.FormatChecker())
    return verdict


def scenarios(verdict: dict[str, Any], at: int = 0) -> dict[str, dict[str, Any]]:
    """The first round's scenarios of one stage, by name."""
    stages = verdict["rounds"][0]["stages"]
    return {each["scenario"]: each for each in stages[at]["scenarios"]}
