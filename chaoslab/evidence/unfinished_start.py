"""Reasons that say what was observed of a start-up that did not complete. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.phases import phases_so_far
from chaoslab.evidence.reasons import LOG_LINE, health_answer, process_exit, unread
from chaoslab.evidence.starting import LAST_WORDS
from chaoslab.evidence.timeline import SERVING, restarts, samples
from chaoslab.history.events import (
    Bound,
    Exited,
    FirstAnswer,
    HealthUnread,
    Listening,
    Spawned,
)
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]


def _exited(data: Data) -> str:
    ended = f"exited with {data['exit_code']} after {data['after_s']:.3f} s"
    if not data["listened"]:
        return ended
    answered = (
        f"answered {data['first_status_code']} first" if data["answered"] else "never answered"
    )
    listened = f"listened on port {data['port']} after {data['listened_after_s']:.3f} s"
    return f"{listened}, {answered}, {ended}"


def _no_answer(data: Data) -> str:
    if data["listened_after_s"] is None:
        return f"health, asked at port {data['port']}, never answered"
    at = f" at {' and '.join(data['addresses'])}" if data["addresses"] else ""
    listened = f"listened on port {data['port']}{at} after {data['listened_after_s']:.3f} s"
    return f"{listened}, but never answered health"


def _answering(data: Data) -> str:
    after_s, status = data["listened_after_s"], data["first_status_code"]
    answered = f"answered {status} first, but its start-up was never complete"
    if after_s is None:
        return answered
    return f"listened on port {data['port']} after {after_s:.3f} s and {answered}"


EXITED = Code(
    "start.exited",
    _exited,
    "The process ended by itself. The data say whether it had listened and answered before. "
    "Seconds count from its start.",
    data=(
        "exit_code",
        "after_s",
        "port",
        "listened",
        "listened_after_s",
        "answered",
        "first_status_code",
    ),
)
OTHER_PORT = Code(
    "start.other_port",
    "listens on port {other_ports}, never on port {port}, the port that is routed to it",
    "The app's processes listened, but not on the port to which its traffic goes.",
)
NEVER_LISTENED = Code(
    "start.never_listened",
    "alive, but never listened on port {port}",
    "The process ran, and the lab observed nothing that listened on the app's port.",
)
NO_ANSWER = Code(
    "start.no_answer",
    _no_answer,
    "The app listened, or ran before the lab attached to it, and health never answered. "
    "`addresses` are those at which it listened; empty if they are not known.",
    data=("port", "addresses", "listened_after_s"),
)
ANSWERING = Code(
    "start.answering",
    _answering,
    "Health answered, but no answer showed a complete start-up.",
    data=("port", "listened_after_s", "first_status_code"),
)
RESTARTED = Code(
    "start.restarted",
    "its supervisor restarted the app {count} times in the whole run",
    "How often in the run the process ended and the app's supervisor started it again.",
)


def how_it_ended(
    e: OfBoot, history: History, begun: Spawned, ended: Exited | None
) -> tuple[Reason, ...]:
    """Reasons for a start-up that did not complete: what was observed from outside, the phases that
    the app published, restarts, and its last log lines.
    """
    gone = ended if ended is not None and not ended.asked else None
    seen = exited_early(e, history, begun, gone) if gone else _lived(e, history, begun)
    count = len(restarts(history, e.app))
    again = [RESTARTED(count=count)] if count else []
    again += [process_exit(gone)] if gone and gone.supervisor else []
    progress = (*phases_so_far(e, history), *last_bad_answer(e, history))
    return (*seen, *progress, *again, *log_lines(ended))


def exited_early(e: OfBoot, history: History, begun: Spawned, ended: Exited) -> list[Reason]:
    """Reasons with the exit of a process that ended by itself, and whether it had listened and
    answered; if it did not listen on its port, also the other ports on which it listened.
    """
    listened_s, status = _listened_after_s(e, history, begun), _first_status(e, history)
    reason = EXITED(
        exit_code=ended.exit_code,
        after_s=ended.at_s - begun.at_s,
        port=begun.port,
        listened=listened_s is not None,
        listened_after_s=listened_s,
        answered=status is not None,
        first_status_code=status,
    )
    return [reason] if listened_s is not None else [reason, *_elsewhere(e, history, begun)]


def last_bad_answer(e: OfBoot, history: History) -> list[Reason]:
    """A list with the reason for the last answer of health, if that was neither healthy nor
    degraded, and one more if the contract does not have its word. Else empty.
    """
    answers = [s for s in samples(history, e.app, e.boot) if s.status_code]
    if not answers or answers[-1].state in SERVING:
        return []
    last, reason = answers[-1], health_answer(answers[-1])
    event = history.first_of_boot(HealthUnread, e.app, e.boot)
    same = event is not None and event.word and event.word == last.word
    return [reason, unread(event)] if event is not None and same else [reason]


def log_lines(ended: Exited | None) -> list[Reason]:
    """One reason for each of the last lines of the app's log. Empty if the process has not ended,
    or wrote nothing.
    """
    return [LOG_LINE(log_line=line) for line in ended.log_tail[-LAST_WORDS:]] if ended else []


def _lived(e: OfBoot, history: History, begun: Spawned) -> list[Reason]:
    """Reasons that say whether the running process listened on its port, on another or on none, and
    whether it answered.
    """
    listened_s, status = _listened_after_s(e, history, begun), _first_status(e, history)
    if listened_s is None and not begun.standing:
        return _elsewhere(e, history, begun) or [NEVER_LISTENED(port=begun.port)]
    if status is None:
        bound = history.first_of_boot(Bound, e.app, e.boot)
        addresses = bound.addresses if bound else ()
        return [NO_ANSWER(port=begun.port, addresses=addresses, listened_after_s=listened_s)]
    return [ANSWERING(port=begun.port, listened_after_s=listened_s, first_status_code=status)]


def _listened_after_s(e: OfBoot, history: History, begun: Spawned) -> float | None:
    bound = history.first_of_boot(Bound, e.app, e.boot)
    return bound.at_s - begun.at_s if bound else None


def _first_status(e: OfBoot, history: History) -> int | None:
    answer = history.first_of_boot(FirstAnswer, e.app, e.boot)
    return answer.status_code if answer else None


def _elsewhere(e: OfBoot, history: History, begun: Spawned) -> list[Reason]:
    """A list with the reason that has the other ports on which the app listened. Empty if there are
    none.
    """
    reads = history.of_boot(Listening, e.app, e.boot)
    ports = sorted({port for read in reads for port in read.ports} - {begun.port})
    return [OTHER_PORT(other_ports=ports, port=begun.port)] if ports else []
