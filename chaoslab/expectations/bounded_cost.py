"""`bounded_cost`: a fault does not make the app cost much more than before it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.cost import (
    BASELINE_S,
    Peaks,
    Phase,
    Phases,
    commands_of,
    highest_levels,
    highest_rates,
    of_usage,
    phases,
    sent_on,
    usage,
)
from chaoslab.evidence.cost_reasons import (
    COMMANDS,
    LOG_BYTES,
    LOG_LINES,
    MEMORY,
    PHASES,
    PROCESSOR,
    SENT,
)
from chaoslab.evidence.reasons import CUT_SHORT, EXITED, NEVER_SPAWNED
from chaoslab.evidence.timeline import answered_s, exited, healthy_since, run_ended, spawned
from chaoslab.evidence.writing import LOOKED_S
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import FaultHealed, FaultInForce, LinkTraffic, ServerCommands
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

WINDOW_S = 1.0  # a rate is judged over at least this long
CPU_WINDOW_S = 2.0  # a collection of garbage or a compilation may take a core for a second
AFTER_S = 2.5  # the run continues for that long after the recovery
MIB, KIB = 1024.0**2, 1024.0
NO_BASELINE = Code(
    "cost.no_baseline",
    "the app was observed ready or healthy for only {lasted_s:.3f} s before the first fault: at "
    "least {needed_s:g} s are needed to know what it costs without a fault",
    "There is nothing to compare the costs with. Start the first fault later.",
)
NOT_OBSERVED = Code(
    "cost.not_observed",
    "what the app's processes use was not observed",
    "The runtime does not show what the processes of an app use, or the app ended at once.",
)
NOT_MEASURED = Code(
    "cost.not_measured",
    lambda data: f"{data['what']} was not measured {PHASES[data['phase']]}",
    "Too few readings in that phase: it was too short, the app had ended, or its server did not "
    "answer.",
    data=("what", "phase"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedCost(Expectation):
    """While a fault is in force and after its heal the app costs little more than before it.

    In any second it prints at most `log_lines_per_s` and `log_kib_per_s`, sends at most
    `sent_kib_per_s` on each link and `commands_per_s` to each server; in any two seconds it uses at
    most `cpu_cores` cores; its memory grows by at most `rss_growth_mib`. If `factor` times the
    value before the first fault is more, that is the limit. Servers count the commands of all
    clients. `services` names the servers whose commands count; empty means each one that counts
    them. A field that is None takes its value from the app's limits.
    """

    rss_growth_mib: float | None = None
    cpu_cores: float | None = None
    log_lines_per_s: float | None = None
    log_kib_per_s: float | None = None
    commands_per_s: float | None = None
    sent_kib_per_s: float | None = None
    factor: float = 2.0
    services: tuple[str, ...] = ()
    boot: int = 1
    kind: Literal["bounded_cost"] = "bounded_cost"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False  # a slow machine makes no rate higher
    watches: ClassVar[frozenset[Watch]] = frozenset({"cost"})
    app_defaults: ClassVar[AppDefaults] = {
        "rss_growth_mib": lambda app: app.limits.rss_growth_mib,
        "cpu_cores": lambda app: app.limits.cpu_cores,
        "log_lines_per_s": lambda app: app.limits.log_lines_per_s,
        "log_kib_per_s": lambda app: app.limits.log_kib_per_s,
        "commands_per_s": lambda app: app.limits.commands_per_s,
        "sent_kib_per_s": lambda app: app.limits.sent_kib_per_s,
    }

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.linked(place, self.app, self.services)
        for name in self.app_defaults:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                yield wrong(place.where, name, value, "a number above 0")
        if not 1 <= self.factor < math.inf:
            yield wrong(place.where, "factor", self.factor, "a number, 1 or more")

    def judged(self, run: Run) -> Verdict:
        """The verdict: in each phase each cost must be within its limit.

        Costs are compared with the app's own before the first fault of the run. A server that does
        not answer while the fault is in force is judged after the heal.
        """
        history = run.history
        claim = self._claim(history)
        ended = run_ended(history)
        if spawned(history, self.app, self.boot) is None:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=self.boot))
        over = phases(history, self.app, self.boot, self.rests_on or ())
        if over.baseline_s < BASELINE_S:
            short = NO_BASELINE(lasted_s=over.baseline_s, needed_s=BASELINE_S)
            return unknown(self.kind, claim, *([] if ended else [CUT_SHORT()]), short)
        if not usage(history, self.app, self.boot):
            return unknown(self.kind, claim, NOT_OBSERVED())
        costs = list(_costs(self, run, over))
        because = [cost.reason for cost in costs if cost.above]
        because += [cost.reason for cost in costs if not cost.above]
        if ended is None:
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        if any(cost.is_too_high for cost in costs):
            return failed(self.kind, claim, *because)
        if not ended.settled:
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        missing = [why for cost in costs for why in self._missing(cost, run)]
        if missing or any(cost.above for cost in costs):
            return unknown(self.kind, claim, *missing, *self._exit(history), *because)
        return passed(self.kind, claim, *because)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says that the run still waits to see what the app costs; None if it waits no
        longer.
        """
        history = run.history
        if exited(history, self.app, self.boot) is not None:
            return None
        faults = self.rests_on or ()
        heals = [h.at_s for h in history.of(FaultHealed) if h.fault in faults]
        begun = [f.at_s for f in history.of(FaultInForce) if f.fault in faults]
        due_s = max(
            [at_s + AFTER_S for at_s in begun]
            + [self._recovered_s(run, at_s) + AFTER_S for at_s in heals],
            default=0.0,
        )
        return f"what {self.app} costs after the heal" if now_s <= due_s + LOOKED_S else None

    def _recovered_s(self, run: Run, healed_s: float) -> float:
        """When the app was healthy again after the heal; the bound for that, if it was not by
        then.
        """
        due_s = healed_s + run.app(self.app).deadlines.recovery_s
        since = healthy_since(run.history, self.app, self.boot, healed_s)
        return min(answered_s(since), due_s) if since else due_s

    def _claim(self, history: History) -> str:
        """The claim, without what nothing counted: a real Toxiproxy does not count the traffic."""
        sent = []
        if history.first(LinkTraffic):
            sent.append(f"{self.sent_kib_per_s:g} KiB/s on a link")
        if history.first(ServerCommands):
            sent.append(f"{self.commands_per_s:g} commands/s to a server")
        return (
            f"while the fault is in force and after its heal {self.app} uses at most "
            f"{self.rss_growth_mib:g} MiB more memory and {self.cpu_cores:g} cores, prints at most "
            f"{self.log_lines_per_s:g} lines/s and {self.log_kib_per_s:g} KiB/s, "
            + (f"sends at most {' and '.join(sent)}, " if sent else "")
            + f"or at most {self.factor:g} times as much as before the first fault"
        )

    def _missing(self, cost: _Cost, run: Run) -> Iterator[Reason]:
        """Yields a reason for each phase in which the cost was not measured although it must be."""
        heals = [f for f in run.plan.faults if f.label in (self.rests_on or ()) and f.stop]
        for phase in PHASES:
            needed = bool(heals) if phase == "after" else not cost.of_server
            if needed and cost.peaks.of(phase) is None:
                yield NOT_MEASURED(what=cost.what, phase=phase)

    def _exit(self, history: History) -> Iterator[Reason]:
        ended = exited(history, self.app, self.boot)
        if ended is not None and not ended.asked:
            yield EXITED(exit_code=ended.exit_code, at_s=ended.at_s, boot=self.boot)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """One quantity: its name, its highest values and the reason that shows them. `above` are the
    phases in which it was more than allowed. `of_server`: a server counted it.
    """

    what: str
    peaks: Peaks
    above: tuple[Phase, ...]
    reason: Reason
    of_server: bool = False

    @property
    def is_too_high(self) -> bool:
        """Whether it was more than allowed, and there is a baseline to say so."""
        return bool(self.above) and self.peaks.baseline is not None


def _costs(e: BoundedCost, run: Run, over: Phases) -> Iterator[_Cost]:
    """Yields every cost of the app that the history has, each in the unit of its limit."""
    history, read = run.history, usage(run.history, e.app, e.boot)
    memory = _in(MIB, highest_levels(of_usage(read, "rss_bytes"), over))
    most = (memory.baseline or 0.0) + (e.rss_growth_mib or 0.0)
    yield _cost(e, "memory", MEMORY, memory, most)
    cpu = highest_rates(of_usage(read, "cpu_s"), over, CPU_WINDOW_S)
    yield _cost(e, "processor time", PROCESSOR, cpu, e.cpu_cores or 0.0)
    lines = highest_rates(of_usage(read, "log_lines"), over, WINDOW_S)
    yield _cost(e, "the number of lines", LOG_LINES, lines, e.log_lines_per_s or 0.0)
    printed = _in(KIB, highest_rates(of_usage(read, "log_bytes"), over, WINDOW_S))
    yield _cost(e, "the size of the output", LOG_BYTES, printed, e.log_kib_per_s or 0.0)
    asked = {look.service for look in history.of(ServerCommands)}
    counted = {t.link for t in history.of(LinkTraffic)}
    for link in run.topology.links:
        if link.app != e.app:
            continue
        if link.name in counted:
            sent = _in(KIB, highest_rates(sent_on(history, link.name), over, WINDOW_S))
            what = f"the traffic on {link.name}"
            yield _cost(e, what, SENT, sent, e.sent_kib_per_s or 0.0, link=link.name)
        name = link.service
        if name in asked and (not e.services or name in e.services):
            looks, late_s = commands_of(history, name)
            came = highest_rates(looks, over, WINDOW_S, late_s)
            what = f"the number of commands on {name}"
            yield _cost(e, what, COMMANDS, came, e.commands_per_s or 0.0, service=name)


def _in(unit: float, peaks: Peaks) -> Peaks:
    """The same values in a larger unit."""

    def of(value: float | None) -> float | None:
        return None if value is None else value / unit

    return Peaks(baseline=of(peaks.baseline), during=of(peaks.during), after=of(peaks.after))


def _cost(e: BoundedCost, what: str, code: Code, peaks: Peaks, limit: float, **where: str) -> _Cost:
    allowed = max(limit, e.factor * (peaks.baseline or 0.0))
    above = tuple(phase for phase in PHASES if (peaks.of(phase) or 0.0) > allowed)
    reason = code(
        **where,
        baseline=peaks.baseline,
        during=peaks.during,
        after=peaks.after,
        allowed=allowed,
        above=above,
    )
    return _Cost(what=what, peaks=peaks, above=above, reason=reason, of_server="service" in where)
