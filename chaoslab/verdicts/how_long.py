"""How long an app survives a fault: which length to try next, and the verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chaoslab.model.lengths import Search
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason
from chaoslab.verdicts.tried_length import State, Tried

NAME = "how_long"

NOT_TRIED = Code(
    "length.not_tried", "not tried: {lengths_s:g} s", "The search ended before these lengths."
)
REQUIRED_NOT_TRIED = Code(
    "length.required_not_tried",
    "{length_s:g} s is required, and was not tried",
    "The search ended before the length that the app must survive.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HowLong:
    """The lengths that were tried, and what they show. Nothing is concluded about other lengths.

    `search` is what was asked. `tried` has the lengths in the order in which they were tried.
    """

    search: Search
    tried: tuple[Tried, ...]

    @property
    def breaks_at_s(self) -> float | None:
        """The shortest length that broke the app. None if none did."""
        return min(self._lengths("broke"), default=None)

    @property
    def survives_s(self) -> float | None:
        """The longest length that the app survived; of those below `breaks_at_s`, if there is one.
        None if there is none.
        """
        broke_s = self.breaks_at_s
        survived = self._lengths("survived")
        return max((s for s in survived if broke_s is None or s < broke_s), default=None)

    @property
    def undecided_s(self) -> tuple[float, ...]:
        """The lengths that were tried and are undecided, in ascending order."""
        return self._lengths("undecided")

    @property
    def not_tried_s(self) -> tuple[float, ...]:
        """The declared lengths that were not tried, in ascending order."""
        tried_s = {each.length_s for each in self.tried}
        return tuple(length_s for length_s in self.search.lengths_s if length_s not in tried_s)

    @property
    def next_s(self) -> float | None:
        """The length to try next. None if the search is over.

        The declared lengths come in ascending order until one breaks the app. Then the middle
        between `survives_s` and `breaks_at_s` is tried until it was tried before, or they differ
        little enough.
        """
        if self._lengths("failed"):
            return None
        left_s = self.not_tried_s
        if left_s and (self.breaks_at_s is None or self.search.try_all):
            return left_s[0]
        low_s, high_s, gap_s = self.survives_s, self.breaks_at_s, self.search.narrow_to_s
        if low_s is None or high_s is None or gap_s is None or high_s - low_s <= gap_s:
            return None
        middle_s = round((low_s + high_s) / 2, 3)
        return None if middle_s in {each.length_s for each in self.tried} else middle_s

    def counts(self, run: str) -> bool:
        """Whether the verdicts of the run in the folder `run` count by themselves for a release.
        True for a length that the app must survive, and for a run that is not of this search.
        """
        mine = [each for each in self.tried if each.run == run]
        return not mine or any(self.search.requires(each.length_s) for each in mine)

    @property
    def verdict(self) -> Verdict:
        """The verdict. FAIL: a required length is FAIL, or a failure does not rest on the fault.

        UNKNOWN: a required length is undecided or was not tried; without one, no length is decided.
        Its reasons name every length, those that decide first.
        """
        return replace(self._judged(), rests_on=(self.search.fault,))

    def _judged(self) -> Verdict:
        ascending = sorted(self.tried, key=lambda each: each.length_s)
        required = [each for each in ascending if self.search.requires(each.length_s)]
        bad = [
            each
            for each in ascending
            if each.state == "failed" or (each.state == "broke" and each in required)
        ]
        if bad:
            return failed(NAME, self._claim, *self._because(bad, ascending))
        doubtful = [each for each in required if each.state == "undecided"]
        at_least_s = self.search.at_least_s
        missing = at_least_s is not None and at_least_s in self.not_tried_s
        decided = any(each.state != "undecided" for each in ascending)
        if doubtful or missing or not decided:
            first = (REQUIRED_NOT_TRIED(length_s=at_least_s),) if missing else ()
            return unknown(NAME, self._claim, *first, *self._because(doubtful, ascending))
        return passed(NAME, self._claim, *self._because([], ascending))

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.verdict.outcome is Outcome.PASS

    @property
    def text(self) -> str:
        """What was observed, on one line."""
        return "; ".join((self._headline, *self._more()))

    @property
    def _claim(self) -> str:
        at_least_s, fault = self.search.at_least_s, self.search.fault
        if at_least_s is None:
            return f"at least one length of {fault} is decided; no length is required"
        return f"the app survives {fault} for each length up to {at_least_s:g} s that is tried"

    @property
    def _headline(self) -> str:
        broke = self._at(self.breaks_at_s)
        survived = self._at(self.survives_s)
        if broke is not None and survived is not None:
            return f"{survived.why}, {broke.why}"
        if broke is not None:
            return f"{broke.why}; the app survived no shorter length that was tried"
        if survived is not None:
            return f"{survived.why}; no length that was tried broke the app"
        return "the app survived no length that was tried, and none broke it"

    def _more(self) -> Iterable[str]:
        """The lengths that the headline does not explain."""
        yield from (each.why.text for each in self.tried if each.state == "failed")
        broke_s = self.breaks_at_s
        if broke_s is not None:
            yield from _listed("broke also at", (s for s in self._lengths("broke") if s > broke_s))
            longer_s = (s for s in self._lengths("survived") if s > broke_s)
            yield from _listed("survived also", longer_s)
        yield from _listed("undecided:", self.undecided_s)
        yield from _listed("not tried:", self.not_tried_s)

    def _because(self, first: Sequence[Tried], ascending: Sequence[Tried]) -> Iterable[Reason]:
        yield from (each.why for each in first)
        yield from (each.why for each in ascending if each not in first)
        if self.not_tried_s:
            yield NOT_TRIED(lengths_s=self.not_tried_s)

    def _lengths(self, state: State) -> tuple[float, ...]:
        return tuple(sorted(each.length_s for each in self.tried if each.state == state))

    def _at(self, length_s: float | None) -> Tried | None:
        return next((each for each in self.tried if each.length_s == length_s), None)


def _listed(words: str, lengths_s: Iterable[float]) -> Iterable[str]:
    if shown := ", ".join(f"{length_s:g}" for length_s in lengths_s):
        yield f"{words} {shown} s"
