"""Verdicts and problems as the properties of a test in JUnit XML, with their codes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chaoslab.errors import Problem
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.how_long import HowLong


def properties_of(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """The properties of the verdicts, as (name, value) pairs: `verdict.NAME` has the outcome of
    one.

    `verdict.NAME.codes` has the codes of its reasons, each once, in order.
    """
    found = []
    for verdict in verdicts:
        codes = dict.fromkeys(reason.code for reason in verdict.because)
        found.append((f"verdict.{verdict.name}", verdict.outcome.value))
        found.append((f"verdict.{verdict.name}.codes", ", ".join(codes)))
    return found


def lengths_of(found: HowLong) -> list[tuple[str, str]]:
    """The properties of a search, as (name, value) pairs: `how_long.0.5_s` has the state of the
    length 0.5 s, such as `survived`.
    """
    ascending = sorted(found.tried, key=lambda each: each.length_s)
    return [(f"how_long.{each.length_s:g}_s", each.state) for each in ascending]


def codes_of(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    """The property `error.codes`, as a (name, value) pair, with the codes of the problems, each
    once, in order.

    The list is empty if there is no problem.
    """
    codes = dict.fromkeys(problem.code for problem in problems)
    return [("error.codes", ", ".join(codes))] if codes else []
