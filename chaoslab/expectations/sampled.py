"""`sampled`: the samples of a probe of the scenario are ok. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import last_healed_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import FaultHealed, OwnSample, Spawned
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.plan import Plan
from chaoslab.model.steps import Probe
from chaoslab.model.values import above, wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

GIVEN_UP_S = 2.0  # how long the run waits beyond the time that the samples need
ROUNDED = 1e-9  # tolerance for the rounding of shares

OK = Code(
    "sampled.ok",
    "{ok} of {samples} samples of '{probe}' were ok, from {first_s:.3f} to {last_s:.3f} s",
    "How many samples of a probe of the scenario were ok.",
)
NOT_OK = Code(
    "sampled.not_ok",
    "{bad} of {samples} samples of '{probe}' were not ok; the first was sent at {first_s:.3f} s: "
    "{got}",
    "More samples of a probe of the scenario were not ok than the expectation allows.",
)
TOO_FEW = Code(
    "sampled.too_few",
    "{samples} samples of '{probe}' were taken, and {wanted} are needed to judge",
    "The run ended before the probe had taken enough samples.",
)
NOT_HEALED = Code(
    "sampled.not_healed",
    "a fault was not healed, so no sample of '{probe}' counts",
    "Only samples after the last heal count, and a fault of the plan was not healed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled(Expectation):
    """At least the fraction `share` (0 to 1) of the samples of the plan's probe `probe` is ok.

    Samples count from the first one that is ok, so that the app has time to start. With `within_s`
    they count from `within_s` after the last heal. At least `samples` of them are required.
    """

    probe: str
    share: float = 1.0
    within_s: float | None = None
    samples: int = 5
    kind: Literal["sampled"] = "sampled"

    def problems(self, place: Place) -> Iterator[Problem]:
        names = [probe.name for probe in place.plan.probes]
        if self.probe not in names:
            fix = "" if names else "give it probes=[Probe(name=...)]"
            expected = "one of: " + ", ".join(names) if names else "a probe in the plan"
            yield wrong(place.where, "probe", self.probe, expected, fix)
        if not 0 < self.share <= 1:
            yield wrong(place.where, "share", self.share, "more than 0, up to 1")
        yield from needs.least(place, 1, samples=self.samples)
        if self.within_s is not None:
            yield from above(place.where, 0, within_s=self.within_s)
            yield from needs.a_fault(place, self)
            yield from needs.healed(place, self, place.plan.faults)

    def longest_s(self, place: Place) -> float:
        return (self.within_s or 0.0) + _takes_s(self, place.plan.probes)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        claim = _claim(self)
        since_s = _since_s(self, run.plan, history)
        if since_s is None:
            return unknown(self.kind, claim, NOT_HEALED(probe=self.probe))
        taken = _taken(self, history, since_s)
        if len(taken) < self.samples:
            few = TOO_FEW(probe=self.probe, samples=len(taken), wanted=self.samples)
            return unknown(self.kind, claim, few)
        bad = [sample for sample in taken if not sample.ok]
        if run.was_cut_short and (self.share < 1 or not bad):  # later samples may change the share
            return unknown(self.kind, claim, CUT_SHORT())
        if len(taken) - len(bad) < self.share * len(taken) - ROUNDED:
            return failed(self.kind, claim, _not_ok(self, taken, bad))
        why = OK(
            probe=self.probe,
            ok=len(taken) - len(bad),
            samples=len(taken),
            first_s=taken[0].at_s,
            last_s=taken[-1].at_s,
        )
        return passed(self.kind, claim, why)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        since_s = _since_s(self, run.plan, run.history)
        if since_s is None or len(_taken(self, run.history, since_s)) >= self.samples:
            return None
        first = run.history.first(Spawned)
        begun_s = max(since_s, first.at_s if first else 0.0)
        late = now_s > begun_s + _takes_s(self, run.plan.probes)
        return None if late else f"samples of '{self.probe}'"


def _claim(e: Sampled) -> str:
    many = "every sample" if e.share == 1 else f"{e.share:.0%} of the samples"
    after = f"{e.within_s} s after the last heal" if e.within_s is not None else "the first ok"
    since = f" from {after} on"
    return f"{many} of '{e.probe}' is ok{since}"


def _since_s(e: Sampled, plan: Plan, history: History) -> float | None:
    """The time from which samples count: the first ok sample (0 if there is none), or `within_s`
    after the last heal. None if it is not known because a fault was not healed.
    """
    if e.within_s is None:
        first = history.first(OwnSample, lambda s: s.probe == e.probe and s.ok)
        return first.at_s if first else 0.0
    healed = {event.fault for event in history.of(FaultHealed)}
    healed_s = last_healed_s(history)
    if healed_s is None or any(fault.label not in healed for fault in plan.faults):
        return None
    return healed_s + e.within_s


def _taken(e: Sampled, history: History, since_s: float) -> list[OwnSample]:
    return [s for s in history.of(OwnSample) if s.probe == e.probe and s.at_s >= since_s]


def _not_ok(e: Sampled, taken: list[OwnSample], bad: list[OwnSample]) -> Reason:
    first = bad[0]
    got = first.error or (
        f"it returned {first.value}" if first.status_code is None else f"status {first.status_code}"
    )
    return NOT_OK(probe=e.probe, bad=len(bad), samples=len(taken), first_s=first.at_s, got=got)


def _takes_s(e: Sampled, probes: tuple[Probe, ...]) -> float:
    """The most seconds that the required samples may take."""
    each_s = next((p.every_s + p.timeout_s for p in probes if p.name == e.probe), 0.0)
    return e.samples * each_s + GIVEN_UP_S
