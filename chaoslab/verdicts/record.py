"""What a run's record itself puts in doubt: it was written by somebody else, or not to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chaoslab.model.verdict import Outcome, Verdict


def doubted(verdicts: tuple[Verdict, ...], doubts: Sequence[str]) -> tuple[Verdict, ...]:
    """Every verdict UNKNOWN, with the doubts first; the same verdicts where there is none."""
    if not doubts:
        return verdicts
    return tuple(
        replace(verdict, outcome=Outcome.UNKNOWN, because=(*doubts, *verdict.because))
        for verdict in verdicts
    )


def doubts_of(changed: Sequence[str]) -> tuple[str, ...]:
    """The doubt about files that are not as the lab wrote them."""
    if not changed:
        return ()
    return (f"not as the lab wrote it, by its checksum: {', '.join(changed)}",)
