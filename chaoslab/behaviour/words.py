"""The codes of what an app did in one cell. Each makes a part of the cell's sentence."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from chaoslab.reason import Code

Data = Mapping[str, Any]
QUOTED = (24, 44)  # characters of the beginning and of the end of the app's last words
SOON_S = 0.5  # a change that comes so soon is not dated


def seconds(value: float) -> str:
    """A time for people, such as `0.4 s` or `12 s`."""
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def exit_code(code: int) -> str:
    """The exit code for people: the signal's name, if a signal ended the process."""
    known = code < 0 and -code in {each.value for each in signal.Signals}
    return signal.Signals(-code).name if known else str(code)


def ended(code: int) -> str:
    """How a process ended, for people: its exit code, or the signal that ended it."""
    return f"exit code {code}" if code >= 0 else f"by {exit_code(code)}"


def quoted(words: str) -> str:
    """The app's last words in brackets. Of long ones the middle is left out."""
    if not words:
        return " (it logged nothing)"
    first, last = QUOTED
    if len(words) > first + last:
        words = f"{words[:first].rstrip()} … {words[-last:].lstrip()}"
    return f' ("{words}")'


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


# --- not known ---

NOT_KNOWN = Code(
    "cell.not_known",
    "not known: {cause}",
    "The lab itself failed, or the fault was not injected, so nothing is described.",
)
INTERRUPTED = Code(
    "cell.interrupted",
    "the run ended before the cell was over: {why}",
    "The run was interrupted, or its time limit passed.",
)
NEVER_STARTED = Code(
    "cell.never_started",
    "the app did not start, so the fault was not injected",
    "The fault begins while the app runs, and the start-up was not complete before.",
)
NOT_SERVING = Code(
    "cell.not_serving",
    "health of the running app showed no completed start-up, so the fault was not injected",
    "The lab is attached to an app that did not serve when the cell began.",
)
UNSUPPORTED = Code(
    "cell.unsupported",
    "not possible here: {why}",
    "The runtime, the proxy or the service cannot inject this fault.",
)
LAB_FAILED = Code(
    "cell.lab_failed",
    "the lab failed: {why}",
    "The lab could not run the cell.",
)
NOT_AFFECTED = Code(
    "cell.not_observed",
    "not observed to affect the app: {cause}",
    "No record shows that the fault affected the app. Nothing follows about the app.",
)
NO_CONNECTION = Code(
    "cell.no_connection",
    "it had no connection to {service} in {held_s:.1f} s",
    "The proxy of the link recorded no open connection of the app while the fault was in force.",
)
NO_CONNECT = Code(
    "cell.no_connect",
    "it tried no new connection to {service} in {held_s:.1f} s",
    "The kernel counted no connect of the app on the link while the fault was in force, and no open"
    " connection was observed to be affected.",
)

# --- the start ---


def _exits(data: Data) -> str:
    count = data["count"]
    after = seconds(data["after_s"]) if data["since_start"] else seconds(data["since_fault_s"])
    when = f"after {after}" if data["since_start"] else f"{after} into the fault"
    codes = listed([exit_code(code) for code in data["codes"]])
    again = "" if count in (1, data["restarts"]) else f", {times(count)} in all"
    return f"exits {codes} {when}{quoted(data['words'])}{again}"


EXITS = Code(
    "cell.exits",
    _exits,
    "The app's process ended by itself while the fault was in force: the codes, how soon the first"
    " one came (at boot: of those after a complete start-up, if there are any), the last words of"
    " its log, and how often. `since_start`: it is dated from its"
    " spawn. `restarts` is how often a supervisor started it again in the whole cell.",
    data=("codes", "after_s", "since_fault_s", "since_start", "words", "count", "restarts"),
)
RESTARTED = Code(
    "cell.restarted",
    lambda data: f"restarted {times(data['count'])}",
    "How often the supervisor started the app again, until it was up or the watch ended.",
    data=("count",),
)


def _waits(data: Data) -> str:
    head = "waits" if data["held_s"] else "does not start"
    if data["last_status"] is not None:
        return f"{head}: health answers {data['last_status']}"
    return f"{head}: listens, gives no answer" if data["listens"] else f"{head}: does not listen"


WAITS = Code(
    "cell.waits",
    _waits,
    "While the fault was in force, the start-up was not complete and the process did not end.",
    data=("listens", "last_status", "held_s"),
)
STARTS = Code(
    "cell.starts",
    lambda data: f"starts after {seconds(data['after_s'])}",
    "The start-up was complete while the fault was in force, or in the steady state.",
    data=("after_s", "state"),
)
ATTACHED = Code(
    "cell.attached",
    "runs already",
    "The app ran before the lab did, which neither starts nor stops it.",
)
UP = Code(
    "cell.up",
    lambda data: f"up {seconds(data['after_s'])} after the heal",
    "The start-up was complete so many seconds after the heal.",
    data=("after_s",),
)
NOT_UP = Code(
    "cell.not_up",
    lambda data: f"NOT up within {seconds(data['watched_s'])} of the heal",
    "The start-up was not complete in the time that the lab watched after the heal.",
    data=("watched_s",),
)

# --- under the fault ---


def _path(data: Data) -> str:
    ways, counts, settled = data["ways"], data["counts"], data["settled"]
    if data["turns"] > 2:
        each = zip(ways, counts, strict=True)
        return f"{data['path']} varies ({', '.join(f'{n} x {way}' for way, n in each)})"
    text = f"{data['path']} {_way(settled)}"
    if len(ways) > 1 and ways[0] == settled:
        others = [f"{n} x {way}" for way, n in zip(ways, counts, strict=True) if way != settled]
        return f"{text} (but {', '.join(others)})"
    if len(ways) > 1 and data["settled_good"]:
        return (
            f"{data['path']} {_way(ways[0])} at first, {settled} after {seconds(data['after_s'])}"
        )
    late = len(ways) > 1 and data["after_s"] >= SOON_S
    return f"{text} after {seconds(data['after_s'])}" if late else text


def _way(way: str) -> str:
    return {"refuses": "refuses connections", "breaks": "closes the connection"}.get(way, way)


PATH = Code(
    "cell.path",
    _path,
    "How one path answered: each way with its count, the last one, and when that began.",
    data=(
        "path",
        "role",
        "ways",
        "counts",
        "settled",
        "settled_good",
        "after_s",
        "turns",
        "slowest_s",
    ),
)


def _requests(data: Data) -> str:
    names = listed(data["names"]) if data["named"] else "requests"
    verb = "s" if data["named"] and len(data["names"]) == 1 else ""
    slow = data["slowest_s"] >= 1.0
    ok, total = data["ok"], data["total"]
    if ok == total:
        return f"{names} ok" + (f" (slowest {seconds(data['slowest_s'])})" if slow else "")
    bad = [(way, n) for way, n in zip(data["ways"], data["counts"], strict=True) if way != "ok"]
    if ok == 0 and len(bad) == 1:
        return f"{names} {_does(bad[0][0], verb)}"
    how = ", ".join(f"{n} x {way}" for way, n in bad)
    if ok == 0:
        return f"{names} fail{verb} ({how})"
    return f"{total - ok} of {total} {names} fail ({how})"


def _does(way: str, verb: str) -> str:
    plural = {
        "hangs": "hang",
        "refuses": "find no listener",
        "breaks": "end without an answer",
        "wrong content": "have wrong content",
    }
    single = {"refuses": "finds no listener", "breaks": "ends without an answer"}
    if way.isdigit():
        return f"answer{verb} {way}"
    if verb:
        return single.get(way, "has wrong content" if way == "wrong content" else way)
    return plural.get(way, way)


REQUESTS = Code(
    "cell.requests",
    _requests,
    "How declared requests were answered: each way with its count. `names` are requests that were"
    " all answered in the same ways; `named`: the text names them, because others were not.",
    data=("names", "named", "total", "ok", "ways", "counts", "slowest_s"),
)
REPORTS_HEALTHY = Code(
    "cell.reports_healthy",
    "reports healthy while requests fail",
    "Health was healthy in every answer while at least three requests in a row failed, for at"
    " least a second.",
)


def _unaffected(data: Data) -> str:
    paths, requests = data["answers"], data["requests"]
    if not requests:
        return f"health unchanged ({paths} answers); no request is declared to show more"
    return f"unaffected: {paths} answers of health and {requests} requests as before"


UNAFFECTED = Code(
    "cell.unaffected",
    _unaffected,
    "The fault affected connections of the app, and every answer of health and every request was"
    " as in the steady state, under the fault and after its heal.",
    data=("answers", "requests"),
)


def _slower(data: Data) -> str:
    paths, requests, every_s = data["answers"], data["requests"], data["before_s"]
    each = zip(data["names"], data["slowest_s"], every_s, strict=True)
    figures = [
        f"{name} up to {seconds(slowest_s)}"
        + ("" if before_s is None else f" ({_short(before_s)} before)")
        for name, slowest_s, before_s in each
    ]
    how = "slow" if all(before_s is None for before_s in every_s) else "slower"
    text = f"but {how}: {', '.join(figures)}"
    if not requests:
        return f"health as before ({paths} answers), {text}; no request is declared to show more"
    return f"as before: {paths} answers of health and {requests} requests, {text}"


def _short(value: float) -> str:
    """A time that may be much shorter than a second, such as `0.02 s`."""
    return seconds(value) if value >= 0.1 else f"{max(value, 0.001):.1g} s"


SLOWER = Code(
    "cell.slower",
    _slower,
    "The fault affected connections of the app, and every answer was as in the steady state, but"
    " slower. `names` are the paths, and the requests together, with the slowest answer of each"
    " under the fault and before it (None: the app was not asked then, so it is only slow).",
    data=("answers", "requests", "names", "slowest_s", "before_s"),
)


def _few(data: Data) -> str:
    each = zip(data["few"], data["counts"], strict=True)
    named = ", ".join(f"{name}: {count}" for name, count in each)
    paths, requests = data["answers"], data["requests"]
    which = f" ({named})" if named and requests else ""
    return f"too few answers to describe it: {paths} of health, {requests} requests{which}"


FEW_ANSWERS = Code(
    "cell.few_answers",
    _few,
    "The lab observed too few answers while the fault was in force. `few` are the declared requests"
    " that were sent too rarely, with their `counts`.",
    data=("answers", "requests", "few", "counts"),
)

# --- after the heal ---

BACK = Code(
    "cell.back",
    lambda data: f"back {seconds(data['after_s'])} after the heal",
    "How many seconds after the heal the last path or request was as in the steady state again.",
    data=("after_s",),
)
BACK_LATER = Code(
    "cell.back_later",
    lambda data: f"{listed(data['names'])} back {seconds(data['after_s'])} after the heal",
    "These came back later than the rest.",
    data=("names", "after_s"),
)


def _not_back(data: Data) -> str:
    names = f"{listed(data['names'])} " if data["names"] else ""
    return f"{names}NOT back within {seconds(data['watched_s'])} of the heal"


NOT_BACK = Code(
    "cell.not_back",
    _not_back,
    "These were not as in the steady state when the watch ended. `names` is empty if nothing was.",
    data=("names", "watched_s"),
)
EXITS_LATER = Code(
    "cell.exits_after_heal",
    lambda data: (
        f"exits {exit_code(data['code'])} after the heal too"
        if data["again"]
        else f"exits {exit_code(data['code'])} after the heal{quoted(data['words'])}"
    ),
    "The app's process ended by itself after the heal. `again`: also under the fault.",
    data=("code", "words", "count", "again"),
)

# --- the end ---

STOPS = Code(
    "cell.stops",
    lambda data: f"stops {seconds(data['after_s'])} after SIGTERM ({ended(data['code'])})",
    "How soon the process ended after SIGTERM, and its exit code.",
    data=("after_s", "code"),
)
KILLED = Code(
    "cell.killed",
    lambda data: f"does NOT stop: still runs {seconds(data['grace_s'])} after SIGTERM",
    "The process still ran at the end of its grace period, and the lab killed it.",
    data=("grace_s",),
)

# --- further processes, such as a worker ---


def _process_exits(data: Data) -> str:
    since_s = data["since_fault_s"]
    when = f"after {seconds(data['after_s'])}"
    if since_s is not None:
        when = f"{seconds(since_s)} into the fault"
    codes = listed([exit_code(code) for code in data["codes"]])
    text = f"process {data['process']} exits {codes} {when}{quoted(data['words'])}"
    if data["count"] > 1:
        text += f", {times(data['count'])} in all"
    if not data["restarts"]:
        return f"{text}, NOT restarted"
    text += f", restarted {times(data['restarts'])}"
    runs_s = data["runs_after_s"]
    if runs_s is None:
        return text if since_s is None else f"{text}, NOT running at the end"
    return f"{text}, runs {seconds(runs_s)} after the heal" if runs_s else f"{text}, runs"


PROCESS_EXITS = Code(
    "cell.process_exits",
    _process_exits,
    "A further process of the app, such as its worker, ended by itself: the codes, when the first"
    " end came, the last words of its log then, how often it ended, how often a supervisor started"
    " it again, and how many seconds after the heal it was last started (0: before the heal).",
    data=(
        "process",
        "codes",
        "after_s",
        "since_fault_s",
        "words",
        "count",
        "restarts",
        "runs_after_s",
    ),
)
PROCESS_STOPS = Code(
    "cell.process_stops",
    lambda data: (
        f"process {data['process']} stops {seconds(data['after_s'])} after SIGTERM "
        f"({ended(data['code'])})"
    ),
    "How soon a further process ended after SIGTERM, and its exit code.",
    data=("process", "after_s", "code"),
)
PROCESS_KILLED = Code(
    "cell.process_killed",
    lambda data: (
        f"process {data['process']} does NOT stop: still runs {seconds(data['grace_s'])} after "
        "SIGTERM"
    ),
    "A further process still ran at the end of its grace period, and the lab killed it.",
    data=("process", "grace_s"),
)
