"""The lab's own requests to an app. Each may cause a connect on a link that a fault cut. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.timeline import Span
from chaoslab.history.events import HealthSample, ProberSample, QuestionsAsked
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason


def _counted(data: Mapping[str, Any]) -> str:
    most = data["most_under_way"]
    questions = "request of the lab was" if most == 1 else "requests of the lab were"
    each = zip(data["paths"], data["counts"], strict=True)
    asked = ", ".join(f"{path} {count} times" for path, count in each)
    return f"at most {most} {questions} open at the same time, one on each path: {asked}"


ASKED = Code(
    "lab.questions",
    _counted,
    "How many requests the lab sent on each path, and how many were open at the same time.",
    data=("most_under_way", "paths", "counts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The times of the lab's requests to one boot: `sent_s` when each was sent, `over_s` when each
    was over, both in order.
    """

    sent_s: tuple[float, ...]
    over_s: tuple[float, ...]

    def under_way(self, during: Span) -> int:
        """How many requests were sent in the time `during`, or were still open when it began."""
        return bisect_right(self.sent_s, during.end_s) - bisect_left(self.over_s, during.start_s)

    def fewer_than_in(self, times_s: list[float], window_s: float, allowed: int) -> int:
        """The largest number of `times_s` (in order) within one window of `window_s` seconds, if it
        is more than `allowed` and more than the requests that were open in that window. Else 0.
        """
        most, start = 0, 0
        for end, at_s in enumerate(times_s):
            while at_s - times_s[start] > window_s:
                start += 1
            count, window = end - start + 1, Span(start_s=times_s[start], end_s=at_s)
            if count > max(allowed, most) and count > self.under_way(window):
                most = count
        return most


def questions(history: History, app: str, boot: int) -> Questions:
    """The times of the lab's requests to one boot. The writes of the plan's loads are not among
    them.
    """
    mine: list[HealthSample | ProberSample] = [*history.of_boot(HealthSample, app, boot)]
    mine += history.of_boot(ProberSample, app, boot)
    return Questions(
        sent_s=tuple(sorted(s.at_s for s in mine)),
        over_s=tuple(sorted(s.at_s + s.took_s for s in mine)),
    )


def own_questions(e: OfBoot, history: History) -> list[Reason]:
    """A list of one reason: how many requests of the lab were open at the same time. Empty if the
    run did not record that.
    """
    counts = history.last_of_boot(QuestionsAsked, e.app, e.boot)
    if counts is None:
        return []
    paths = sorted(counts.asked)
    each = [counts.asked[path] for path in paths]
    return [ASKED(most_under_way=counts.most_under_way, paths=paths, counts=each)]
