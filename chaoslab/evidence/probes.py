"""A platform's prober: liveness answered well, health and readiness answered in time. Pure.

A prober asks one question after the other and acts after so many misses in a row. So does the lab,
and in runs saved earlier its questions overlap: so that one pause is not counted many times, a miss
counts only when it was sent after the one before was over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.timeline import Span, end_s, exited, gap, run_ended, silence_s, spawned
from chaoslab.history.events import Bound, FirstAnswer, HealthSample, ProberSample, QuestionsAsked
from chaoslab.history.journal import History
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan

MIN_SAMPLES = 3  # fewer answers than this do not show that it stays so
GRACE_S = 0.1  # after a bound has passed, so that the sample that shows it is in the history
LATE_S = 0.02  # how much too early a sample may follow the one before: the lab's own unevenness
TURN_S = 0.1  # an answer that was on its way when a pause began says nothing of the pause
EXIT_SEEN_S = 0.5  # what an app did not answer just before its end was noted is its end's doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request as a prober sees it, which waits no longer than its limit: over at `over_s`,
    though the lab may have waited until `ended_s`.

    `heard` is any answer within the limit, `good` one of 2xx; `answer_s` is when any came, if late.
    """

    path: str
    at_s: float
    over_s: float
    ended_s: float
    heard: bool
    good: bool
    answer_s: float | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Every probe of one boot by path, from its first answer on, as far as a miss is its own."""

    listened_s: float | None
    answered_s: float | None
    until_s: float
    before: tuple[Probe, ...]
    after: tuple[Probe, ...]

    def of(self, path: str) -> list[Probe]:
        """The probes of one path since the first answer."""
        return [p for p in self.after if p.path == path]


def watched(app: str, boot: int, contract: HealthContract, history: History) -> Watched:
    """What was asked of one boot, and the misses that are its own: not those of its end."""
    begun, ended = spawned(history, app, boot), exited(history, app, boot)
    until_s = end_s(history)
    if run_ended(history) is None:  # what is still under way may have been a good answer
        until_s -= contract.prober_timeout_s
    if ended is not None:
        until_s = min(until_s, ended.at_s - (0.0 if ended.asked else EXIT_SEEN_S))
    bound = history.first(Bound, lambda b: (b.app, b.boot) == (app, boot))
    listened_s = bound.at_s if bound else (begun.at_s if begun and begun.standing else None)
    probes = sorted(_probes(app, boot, contract, history), key=lambda p: p.at_s)
    answers_s = [p.answer_s for p in probes if p.answer_s is not None]
    first = history.first(FirstAnswer, lambda a: (a.app, a.boot) == (app, boot))
    answered_s = min([*answers_s, first.at_s] if first else answers_s, default=None)
    own = [p for p in probes if p.heard or p.over_s < until_s]
    turn_s = until_s if answered_s is None else answered_s
    return Watched(
        listened_s=listened_s,
        answered_s=answered_s,
        until_s=until_s,
        before=tuple(p for p in own if p.over_s <= turn_s),
        after=tuple(p for p in own if answered_s is not None and p.at_s >= answered_s),
    )


def _probes(app: str, boot: int, contract: HealthContract, history: History) -> Iterable[Probe]:
    for s in history.of(HealthSample):
        if (s.app, s.boot) == (app, boot):
            yield _probe("health", s, contract.prober_timeout_s)
    for p in history.of(ProberSample):
        if (p.app, p.boot) == (app, boot):
            path = "liveness" if p.path == "live" else "readiness"
            yield _probe(path, p, contract.prober_timeout_s)


def _probe(path: str, sample: HealthSample | ProberSample, limit_s: float) -> Probe:
    code = sample.status_code
    heard = code is not None and sample.took_s <= limit_s
    if code is None:
        said = sample.error or "no answer"
    else:
        said = f"{code}" if heard else f"{code} only after {sample.took_s:.3f} s"
    return Probe(
        path=path,
        at_s=sample.at_s,
        over_s=sample.at_s + min(sample.took_s, limit_s),
        ended_s=sample.at_s + sample.took_s,
        heard=heard,
        good=heard and code is not None and 200 <= code < 300,
        answer_s=None if code is None else sample.at_s + sample.took_s,
        said=said,
    )


def in_a_row(missed: Iterable[Probe], probes: Iterable[Probe], failures: int) -> list[Probe]:
    """The first `failures` misses of a prober that asks one after the other; empty without.

    No probe sent between two of them was any better.
    """
    bad, row = set(map(id, missed)), list[Probe]()
    for probe in probes:
        if id(probe) not in bad:
            row = []
        elif not row or probe.at_s >= row[-1].over_s - LATE_S:
            row.append(probe)
        if len(row) == failures:
            return row
    return []


def times(misses: list[Probe]) -> str:
    said = "; ".join(dict.fromkeys(p.said for p in misses))
    return f"{len(misses)} times in a row, from {misses[0].at_s:.3f} s on ({said})"


def no_answer(seen: Watched, path: str, contract: HealthContract) -> str:
    """Listening, and no answer for longer than a prober waits; empty where not so."""
    first_s = seen.until_s if seen.answered_s is None else min(seen.answered_s, seen.until_s)
    if seen.listened_s is None:
        return ""
    patience_s = contract.prober_failures * contract.prober_timeout_s
    asked = [p for p in seen.before if p.path == path and p.at_s >= seen.listened_s]
    row = in_a_row(asked, asked, contract.prober_failures)
    if not row or first_s - seen.listened_s <= patience_s:
        return ""
    paths = _paths(p for p in seen.before if p.at_s >= seen.listened_s)
    return (
        f"listened from {seen.listened_s:.3f} s and did not answer {_listed(paths)} "
        f"until {first_s:.3f} s"
    )


def _paths(probes: Iterable[Probe]) -> list[str]:
    """The paths that were asked, each once."""
    return sorted({p.path for p in probes})


def _listed(paths: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(paths[:-1]), paths[-1])))


def own_questions(e: OfBoot, history: History) -> list[str]:
    """How many questions of the lab the app had at once, where the run wrote that down."""
    counts = history.last(QuestionsAsked, lambda q: (q.app, q.boot) == (e.app, e.boot))
    if counts is None:
        return []
    asked = ", ".join(f"{path} {count} times" for path, count in sorted(counts.asked.items()))
    most = counts.most_under_way
    were = "question of the lab was" if most == 1 else "questions of the lab were"
    return [f"at most {most} {were} under way at once, one on each path: {asked}"]


def meanwhile(misses: list[Probe], seen: Watched, contract: HealthContract) -> list[str]:
    """What the other paths did at the time of these misses."""
    span = Span(start_s=misses[0].at_s + TURN_S, end_s=misses[-1].over_s)
    others = [p for p in seen.after if p.path != misses[0].path]
    answers_s = sorted(p.answer_s for p in seen.after if p.answer_s is not None)
    if any(map(span.holds, answers_s)):
        heard = [p.path for p in others if p.heard and span.holds(p.over_s)]
        counts = [f"{path} answered {heard.count(path)} times" for path in dict.fromkeys(heard)]
        return [f"meanwhile {' and '.join(counts)}"] if counts else []
    asked = _paths([*misses, *(p for p in others if span.holds(p.at_s))])
    if len(asked) == 1:
        return []
    begun_s = max((s for s in answers_s if s < span.start_s), default=misses[0].at_s)
    over_s = min((s for s in answers_s if s > span.end_s), default=seen.until_s)
    when = f"from {begun_s:.3f} to {over_s:.3f} s"
    if unasked := sorted(_declared(contract) - set(asked)):
        other = f"{_listed(unasked)} {'was' if len(unasked) == 1 else 'were'} not asked"
        return [f"{_listed(asked)} gave no answer {when}, and the process lived; {other}"]
    return [
        f"it stood still {when}, its event loop or all its workers: "
        f"no answer on {_listed(asked)}, and the process lived"
    ]


def _declared(contract: HealthContract) -> set[str]:
    """The paths that the app has for probers: what stands still answers on none of them."""
    paths = {"liveness": contract.live_path, "readiness": contract.ready_path}
    return {"health", *(name for name, path in paths.items() if path is not None)}


def unwatched(e: OfBoot, seen: Watched, cadence_s: dict[str, float], history: History) -> list[str]:
    """Why nobody can say that it was well all the time; empty where one can."""
    ended, end = exited(history, e.app, e.boot), run_ended(history)
    if seen.answered_s is None:
        asked = _paths(seen.before)
        return [f"no answer was seen on {_listed(asked)}" if asked else "it was not asked"]
    if ended is not None and not ended.asked:
        return [f"the process exited with {ended.exit_code} at {ended.at_s:.3f} s"]
    last_s = max((p.at_s for p in seen.after), default=seen.answered_s)
    for path, each_s in cadence_s.items():
        probes = seen.of(path)
        if len(probes) < MIN_SAMPLES:
            return [f"{path} was asked {len(probes)} times"]
        ends = (Span(start_s=s, end_s=s) for s in (seen.answered_s, last_s))
        spans = [next(ends), *(Span(start_s=p.at_s, end_s=p.ended_s) for p in probes), *ends]
        if pause := gap(spans, silence_s(Sampling(cadence_s=each_s))):
            return [f"nobody asked {path} from {pause.start_s:.3f} to {pause.end_s:.3f} s"]
    return [] if end is not None and end.settled else ["the run was cut short"]


def all_of(probes: list[Probe], what: str) -> str:
    bad = sum(not (p.good if what == "2xx" else p.heard) for p in probes)
    slowest_s = max(p.over_s - p.at_s for p in probes)
    missed = f", {bad} missed" if bad else ""
    return (
        f"{probes[0].path}: asked {len(probes)} times from {probes[0].at_s:.3f} to "
        f"{probes[-1].at_s:.3f} s, the slowest took {slowest_s:.3f} s{missed}"
    )


def watch_under_way(
    e: OfBoot,
    asked_by: tuple[str, ...],
    plan: Plan,
    history: History,
    now_s: float,
    *,
    startup_s: float,
) -> str | None:
    """Wait for a few answers after the first, or until start-up's time is up without one."""
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None or ended is not None:
        return None if ended else f"boot {e.boot} of {e.app}"
    first = history.first(FirstAnswer, lambda a: (a.app, a.boot) == (e.app, e.boot))
    if first is None:
        late = now_s > begun.at_s + startup_s + GRACE_S
        return None if late else f"the first answer of {e.app}"
    cadence_s = max(plan.sampling.cadence_s, plan.sampling.prober_cadence_s)
    watched_s = (MIN_SAMPLES + 1) * cadence_s + plan.sampling.timeout_s
    few = any(_few(path, first, plan, history, now_s) for path in asked_by)
    done = now_s > first.at_s + watched_s and not few
    return None if done else f"the prober's answers of {e.app}"


def _few(path: str, first: FirstAnswer, plan: Plan, history: History, now_s: float) -> bool:
    """Whether a path that somebody asks has not yet had the fewest answers that count."""
    who, health = (first.app, first.boot), path == "health"
    mine: list[HealthSample | ProberSample] = [
        s for s in history.of(HealthSample) if health and (s.app, s.boot) == who
    ]
    mine += [s for s in history.of(ProberSample) if (s.app, s.boot, s.path) == (*who, path)]
    if not mine or sum(s.at_s >= first.at_s for s in mine) >= MIN_SAMPLES:
        return False
    sampling = plan.sampling
    each_s = sampling.cadence_s if health else sampling.prober_cadence_s
    longest_s = silence_s(Sampling(cadence_s=each_s)) + max(s.took_s for s in mine)
    return now_s - max(s.at_s + s.took_s for s in mine) <= longest_s
