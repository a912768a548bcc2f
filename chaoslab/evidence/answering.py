"""Reasons that say how an app answered the lab's requests: in time, too late, or on no path. Pure.

The module `probes` defines what a miss is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.probes import MIN_SAMPLES, Probe, Watched, in_a_row
from chaoslab.evidence.reasons import CUT_SHORT, process_exit
from chaoslab.evidence.timeline import Span, exited, gap, run_ended, silence_s
from chaoslab.history.journal import History
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]
TURN_S = 0.1  # an answer that comes so soon after a pause began was given before the pause


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _listened(data: Data) -> str:
    paths, until_s = _listed(data["paths"]), data["until_s"]
    return f"listened from {data['from_s']:.3f} s and did not answer {paths} until {until_s:.3f} s"


NO_ANSWER_YET = Code(
    "prober.no_answer_since_listening",
    _listened,
    "The app listened, and gave no answer until a prober would have given up.",
    data=("paths", "from_s", "until_s"),
)


def _in_a_row(data: Data) -> str:
    each = zip(data["status_codes"], data["took_s"], data["errors"], strict=True)
    answers = "; ".join(dict.fromkeys(_one(*miss, data["limit_s"]) for miss in each))
    return f"{len(data['took_s'])} times in a row, from {data['from_s']:.3f} s on ({answers})"


def _one(status_code: int | None, took_s: float, error: str | None, limit_s: float) -> str:
    if status_code is None:
        return error or "no answer"
    return f"{status_code}" if took_s <= limit_s else f"{status_code} only after {took_s:.3f} s"


NOT_2XX = Code(
    "prober.not_2xx",
    lambda data: f"{data['path']} gave no 2xx within {data['limit_s']} s {_in_a_row(data)}",
    "Several requests in a row on one path had no 2xx answer in time.",
    data=("path", "from_s", "limit_s", "status_codes", "took_s", "errors"),
)
NO_ANSWER = Code(
    "prober.no_answer",
    lambda data: f"{data['path']} gave no answer within {data['limit_s']} s {_in_a_row(data)}",
    "Several requests in a row on one path had no answer in time.",
    data=("path", "from_s", "limit_s", "status_codes", "took_s", "errors"),
)


def _others(data: Data) -> str:
    each = zip(data["paths"], data["answers"], strict=True)
    return f"meanwhile {' and '.join(f'{path} answered {n} times' for path, n in each)}"


OTHERS_ANSWERED = Code(
    "prober.others_answered",
    _others,
    "While requests on one path failed, other paths answered in time: the process was not blocked.",
    data=("paths", "answers"),
)


def _silent(data: Data) -> str:
    when = f"from {data['from_s']:.3f} to {data['until_s']:.3f} s"
    return f"{_listed(data['paths'])} gave no answer {when}, and the process lived"


NONE_ANSWERED = Code(
    "prober.none_answered",
    lambda data: f"{_silent(data)}, as when its event loop or all its workers are blocked",
    "The lab asked every path that the app declares for probers, and from `from_s` to `until_s` "
    "none of these paths answered.",
    data=("paths", "from_s", "until_s"),
)


def _some_silent(data: Data) -> str:
    were = "was" if len(data["not_asked"]) == 1 else "were"
    return f"{_silent(data)}; {_listed(data['not_asked'])} {were} not asked"


ASKED_NOT_ANSWERED = Code(
    "prober.asked_not_answered",
    _some_silent,
    "From `from_s` to `until_s` none of the paths that the lab asked answered, but the lab did "
    "not ask every path that the app declares.",
    data=("paths", "from_s", "until_s", "not_asked"),
)
NEVER_ANSWERED = Code(
    "prober.never_answered",
    lambda data: f"no answer was observed on {_listed(data['paths'])}",
    "The lab sent requests to the app, and observed no answer to any of them.",
    data=("paths",),
)
NEVER_ASKED = Code("prober.never_asked", "it was not asked", "The lab sent no request to the app.")
FEW_ANSWERS = Code(
    "prober.few_answers",
    "{path} was asked {count} times; {required} are required",
    "The lab sent too few requests on a path to show that the app continued to answer.",
)
NOT_ASKED = Code(
    "prober.not_asked",
    "{path} was not asked from {start_s:.3f} to {end_s:.3f} s",
    "From `start_s` to `end_s` the lab sent no request to a path, so it is not known whether the "
    "app would have answered.",
)


def _answered(data: Data) -> str:
    missed = f", {data['missed']} missed" if data["missed"] else ""
    return (
        f"{data['path']}: asked {data['count']} times from {data['from_s']:.3f} to "
        f"{data['until_s']:.3f} s, the slowest took {data['slowest_s']:.3f} s{missed}"
    )


ANSWERED = Code(
    "prober.answered",
    _answered,
    "How often the lab asked one path, how long the slowest request took (at most the prober's "
    "limit), and how many requests were misses.",
    data=("path", "count", "from_s", "until_s", "slowest_s", "missed"),
)


def no_answer_yet(seen: Watched, path: str, contract: HealthContract) -> Reason | None:
    """The reason `NO_ANSWER_YET` if the app listened, and a prober of `path` would have given up
    before the first answer. Else None.
    """
    first_s = seen.until_s if seen.answered_s is None else min(seen.answered_s, seen.until_s)
    if seen.listened_s is None:
        return None
    patience_s = contract.prober_failures * contract.prober_timeout_s
    asked = [p for p in seen.before if p.path == path and p.at_s >= seen.listened_s]
    row = in_a_row(asked, asked, contract.prober_failures)
    if not row or first_s - seen.listened_s <= patience_s:
        return None
    paths = _paths(p for p in seen.before if p.at_s >= seen.listened_s)
    return NO_ANSWER_YET(paths=paths, from_s=seen.listened_s, until_s=first_s)


def _paths(probes: Iterable[Probe]) -> list[str]:
    """The names of the paths on which `probes` were sent, each once, in alphabetical order."""
    return sorted({p.path for p in probes})


def row_of(misses: list[Probe], code: Code, limit_s: float) -> Reason:
    """A reason with the times, status codes and errors of `misses`: misses in a row on one path.
    `code` is `NOT_2XX` or `NO_ANSWER`.
    """
    return code(
        path=misses[0].path,
        from_s=misses[0].at_s,
        limit_s=limit_s,
        status_codes=[p.status_code for p in misses],
        took_s=[p.took_s for p in misses],
        errors=[p.error for p in misses],
    )


def meanwhile(misses: list[Probe], seen: Watched, contract: HealthContract) -> Reason | None:
    """The reason that says how the app's other paths answered while the requests `misses`, all on
    one path, failed. None if that is not known.
    """
    span = Span(start_s=misses[0].at_s + TURN_S, end_s=misses[-1].over_s)
    others = [p for p in seen.after if p.path != misses[0].path]
    answers_s = sorted(p.answer_s for p in seen.after if p.answer_s is not None)
    if any(map(span.holds, answers_s)):
        heard = [p.path for p in others if p.heard and span.holds(p.over_s)]
        paths = list(dict.fromkeys(heard))
        return OTHERS_ANSWERED(paths=paths, answers=[*map(heard.count, paths)]) if paths else None
    asked = _paths([*misses, *(p for p in others if span.holds(p.at_s))])
    if len(asked) == 1:
        return None
    from_s = max((s for s in answers_s if s < span.start_s), default=misses[0].at_s)
    until_s = min((s for s in answers_s if s > span.end_s), default=seen.until_s)
    if not_asked := sorted(_declared(contract) - set(asked)):
        return ASKED_NOT_ANSWERED(paths=asked, from_s=from_s, until_s=until_s, not_asked=not_asked)
    return NONE_ANSWERED(paths=asked, from_s=from_s, until_s=until_s)


def _declared(contract: HealthContract) -> set[str]:
    """The names of the paths that the app declares: `health` always, `liveness` and `readiness` if
    the contract has them.
    """
    paths = {"liveness": contract.live_path, "readiness": contract.ready_path}
    return {"health", *(name for name, path in paths.items() if path is not None)}


def unwatched(
    e: OfBoot, seen: Watched, cadence_s: dict[str, float], history: History
) -> Reason | None:
    """The reason why it is not known whether the boot of `e` answered all the time. None if it is
    known. `cadence_s` maps each path to the seconds between its requests.
    """
    ended, end = exited(history, e.app, e.boot), run_ended(history)
    if seen.answered_s is None:
        return NEVER_ANSWERED(paths=_paths(seen.before)) if seen.before else NEVER_ASKED()
    if ended is not None and not ended.asked:
        return process_exit(ended)
    last_s = max((p.at_s for p in seen.after), default=seen.answered_s)
    for path, each_s in cadence_s.items():
        probes = seen.of(path)
        if len(probes) < MIN_SAMPLES:
            return FEW_ANSWERS(path=path, count=len(probes), required=MIN_SAMPLES)
        ends = (Span(start_s=s, end_s=s) for s in (seen.answered_s, last_s))
        spans = [next(ends), *(Span(start_s=p.at_s, end_s=p.ended_s) for p in probes), *ends]
        if pause := gap(spans, silence_s(Sampling(cadence_s=each_s))):
            return NOT_ASKED(path=path, start_s=pause.start_s, end_s=pause.end_s)
    return None if end is not None and end.settled else CUT_SHORT()


def all_of(probes: list[Probe], missed: Iterable[Probe]) -> Reason:
    """The reason `ANSWERED`: how often the lab asked one path (`probes`), and how many of these
    requests were misses (`missed`).
    """
    return ANSWERED(
        path=probes[0].path,
        count=len(probes),
        from_s=probes[0].at_s,
        until_s=probes[-1].at_s,
        slowest_s=max(p.over_s - p.at_s for p in probes),
        missed=len(list(missed)),
    )
