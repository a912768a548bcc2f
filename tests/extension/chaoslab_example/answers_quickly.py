"""`answers_quickly`: health answers fast, all through the life of a boot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.evidence.timeline import samples
from chaoslab.expectations.base import Expectation, Run
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code

FEWEST = 3
TOO_FEW = Code("example.too_few_answers", "only {count} answers", "Too few answers to judge by.")
SLOWEST = Code(
    "example.slowest_answer",
    "of {count} answers of health the slowest took {took_s:.3f} s",
    "How long the slowest answer of health took.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersQuickly(Expectation):
    """Every answer of health comes within `within_s` seconds."""

    within_s: float = 1.0
    boot: int = 1
    kind: Literal["answers_quickly"] = "answers_quickly"

    def judged(self, run: Run) -> Verdict:
        claim = f"every answer of {self.app}'s health comes within {self.within_s} s"
        asked = samples(run.history, self.app, self.boot)
        took = [s.took_s for s in asked if s.status_code is not None]
        if len(took) < FEWEST:
            return unknown(self.kind, claim, TOO_FEW(count=len(took)))
        slowest = SLOWEST(count=len(took), took_s=max(took))
        judge = passed if max(took) <= self.within_s else failed
        return judge(self.kind, claim, slowest)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        few = len(samples(run.history, self.app, self.boot)) < FEWEST
        return f"{FEWEST} answers of health" if few else None
