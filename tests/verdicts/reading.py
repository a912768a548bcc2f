"""The reasons of a verdict for tests: codes and data, not texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoslab.model.verdict import Verdict


def codes(verdict: Verdict) -> list[str]:
    """The code of each reason, in order."""
    return [reason.code for reason in verdict.because]


def data(verdict: Verdict, code: str) -> Mapping[str, Any]:
    """The data of the first reason with this code, rounded to milliseconds. Fails without one."""
    found = next((reason for reason in verdict.because if reason.code == code), None)
    assert found is not None, f"no {code} among {codes(verdict)}"
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in found.data.items()
    }
