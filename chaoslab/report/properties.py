"""Verdicts as the properties of a test: what CI systems keep beside its result. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chaoslab.model.verdict import Verdict


def properties_of(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """For each verdict `verdict.NAME` with its outcome, and `verdict.NAME.codes` with the codes of
    its reasons, each once and in their order.
    """
    found = []
    for verdict in verdicts:
        codes = dict.fromkeys(reason.code for reason in verdict.because)
        found.append((f"verdict.{verdict.name}", verdict.outcome.value))
        found.append((f"verdict.{verdict.name}.codes", ", ".join(codes)))
    return found
