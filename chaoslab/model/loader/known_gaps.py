"""The tables `[[known_gaps]]`: their shape, their mistakes, and the gaps that they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from pydantic import Field

from chaoslab.errors import ErrorCode
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.loader.base import NonEmpty, Shape
from chaoslab.model.loader.mistakes import Mistake, Table, named_twice

EXPIRES_FIRST = ErrorCode(
    "known_gap.expires_first",
    "it expires on {expires}, before its first day {since}",
    "The last day of a known gap is before its first day.",
)
_DATE = "a date without quotes, such as 2026-12-31"


class KnownGapShape(Shape):
    """The keys of a table `[[known_gaps]]`."""

    run: NonEmpty = Field(
        description="a string, the name of a cell or of a scenario's folder in results/"
    )
    verdict: NonEmpty = Field(description="a string, the name of a verdict, such as recovers")
    reason: NonEmpty = Field(description="a string, why the failure is tolerated")
    owner: NonEmpty = Field(description="a string, who will fix it")
    since: date = Field(description=_DATE)
    expires: date = Field(description=_DATE)


def known_gaps(shapes: Iterable[KnownGapShape]) -> tuple[KnownGap, ...]:
    """The plain data of the tables `[[known_gaps]]`."""
    return tuple(KnownGap(**shape.model_dump()) for shape in shapes)


def known_gap_mistakes(document: Table) -> Iterator[Mistake]:
    """The mistakes of gaps that expire before they begin, or that name the same verdict."""
    seen: set[tuple[object, object]] = set()
    gaps = document.get("known_gaps")
    for index, gap in enumerate(gaps if isinstance(gaps, list) else []):
        if not isinstance(gap, dict):
            continue
        place = ("known_gaps", index)
        since, expires = gap.get("since"), gap.get("expires")
        if type(since) is date and type(expires) is date and expires < since:
            reason = EXPIRES_FIRST(expires=str(expires), since=str(since))
            yield Mistake(place=(*place, "expires"), reason=reason)
        run, verdict = gap.get("run"), gap.get("verdict")
        if isinstance(run, str) and isinstance(verdict, str):
            if (run, verdict) in seen:
                yield named_twice(place, f"{run}: {verdict}", "verdict of a run")
            seen.add((run, verdict))
