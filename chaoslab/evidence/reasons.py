"""The codes of observations that several claims cite. Pure.

A code that only one claim cites is in that claim's module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoslab.history.events import Exited, HealthSample, HealthUnread
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]

# --- the run ---

CUT_SHORT = Code(
    "run.cut_short",
    "the run was cut short",
    "The run ended before everything that the claim needs had been observed.",
)

# --- a bound ---

NOT_REACHED = Code(
    "bound.not_reached",
    "the app was watched until {until_s:.3f} s, and the bound was at {bound_s:.3f} s",
    "The run, or the boot, ended before the bound. What the claim expects could still have "
    "occurred before the bound.",
)
MISSED = Code(
    "bound.missed",
    "{late_s:.3f} s too late",
    "What the claim expects was observed, but after its bound.",
    data=("within_s",),
)

# --- the app's process ---

NEVER_SPAWNED = Code(
    "app.never_spawned",
    "boot {boot} of {app} was never started",
    "The lab did not start that boot of the app, so there is nothing to judge.",
)
EXITED = Code(
    "app.exited",
    "the process exited with {exit_code} at {at_s:.3f} s",
    "The app's process ended by itself.",
    data=("boot",),
)
STOPPED_BY_SUPERVISOR = Code(
    "app.stopped_by_supervisor",
    lambda data: (
        f"its supervisor stopped boot {data['boot']} of the app, because "
        + ("liveness failed" if data["why"] == "not_live" else "liveness never answered in time")
        + f"; the process ended with {data['exit_code']} at {data['at_s']:.3f} s"
    ),
    "The app's process ended because its supervisor stopped it. `why` is `not_live` if liveness "
    "failed in a row, `startup` if it gave no good answer in the time of the start-up probe.",
    data=("boot", "why", "exit_code", "at_s"),
)
LOG_LINE = Code(
    "app.log_line",
    "log: {log_line}",
    "One of the last lines that the app wrote before its process ended.",
)
NO_LOG = Code(
    "app.no_log",
    "log: (no output)",
    "The app wrote nothing before its process ended.",
)
REPLACED = Code(
    "app.replaced",
    "the plan ended boot {boot} at {at_s:.3f} s",
    "The plan stopped that boot, or started the app again. The claim is judged only by what was "
    "observed until then.",
)

NEVER_COMPLETE = Code(
    "start.never_complete",
    "start-up was not complete, watched until {until_s:.3f} s",
    "No answer of health showed a complete start-up in the time that the app has for it.",
)

# --- health ---


def _answered(data: Data) -> str:
    """Text about an answer of health: what was wrong if it was unreadable, else its word and the
    state that the word means.
    """
    if data["error"]:
        return f"{data['error']}, asked at {data['at_s']:.3f} s"
    word = data["word"] or ""
    means = "" if word == data["state"] else f" ({data['state']})"
    quoted = f" '{word}'" if word else ""
    return f"health answered {data['status_code']}{quoted}{means}, asked at {data['at_s']:.3f} s"


ANSWERED = Code(
    "health.answered",
    _answered,
    "An answer of health: its status code, its word and the state that they mean.",
    data=("at_s", "status_code", "word", "state", "error"),
)
UNKNOWN_WORD = Code(
    "health.unknown_word",
    "the health contract does not have the word '{word}': say in [apps.{app}.health.words] what it "
    "means",
    "Health answered 2xx with a word that is not in the health contract, so the answer counts as "
    "unhealthy.",
)
SILENT = Code(
    "health.silent",
    "health gave no answer within {waited_s:.1f} s, asked at {at_s:.3f} s",
    "A request to health had no answer in the time that the lab waits for one.",
    data=("error",),
)
UNREACHABLE = Code(
    "health.unreachable",
    "health was unreachable, asked at {at_s:.3f} s: {error}",
    "A request to health got no answer: no connection, or the connection ended first.",
)
FEW_ANSWERS = Code(
    "health.few_answers",
    "only {count} answers of health; {required} are required",
    "There are too few answers of health to show that the state lasted.",
)
NOT_ASKED = Code(
    "health.not_asked",
    "health was not asked from {start_s:.3f} to {end_s:.3f} s",
    "From `start_s` to `end_s` the lab did not ask health, so its state in that time is not known.",
)


def _not_asked_until_bound(data: Data) -> str:
    last_s = data["last_s"]
    asked = "health was not asked" + ("" if last_s is None else f" after {last_s:.3f} s")
    return f"{asked}, and the bound was at {data['bound_s']:.3f} s"


def _not_asked_at_bound(data: Data) -> str:
    last_s = data["last_s"]
    since = "before" if last_s is None else f"from {last_s:.3f} to"
    return (
        f"health was not asked {since} {data['asked_s']:.3f} s, "
        f"and the bound was at {data['bound_s']:.3f} s"
    )


NOT_ASKED_UNTIL_BOUND = Code(
    "health.not_asked_until_bound",
    _not_asked_until_bound,
    "The last request to health was over too long before the bound to know the state at the bound.",
    data=("last_s", "bound_s"),
)
NOT_ASKED_AT_BOUND = Code(
    "health.not_asked_at_bound",
    _not_asked_at_bound,
    "The bound was between two requests to health, so it is not known whether the app kept the "
    "bound.",
    data=("last_s", "asked_s", "bound_s"),
)

# --- a fault ---

NOT_IN_FORCE = Code(
    "fault.not_in_force",
    "{fault} was not observed in force",
    "No canary and no read-back showed the fault in force in this run.",
)
NOT_HEALED = Code(
    "fault.not_healed",
    "{fault} was not healed",
    "The fault that the claim is about was not healed in this run.",
)


def health_answer(sample: HealthSample) -> Reason:
    """The reason for the result of one request to health: answered, silent or unreachable."""
    if sample.status_code is not None:
        return ANSWERED(
            at_s=sample.at_s,
            status_code=sample.status_code,
            word=sample.word,
            state=sample.state.value,
            error=sample.error,
        )
    if "timeout" in (sample.error or "").lower():
        return SILENT(at_s=sample.at_s, waited_s=sample.took_s, error=sample.error)
    return UNREACHABLE(at_s=sample.at_s, error=sample.error or "no answer")


def unread(event: HealthUnread) -> Reason:
    """The reason with a word of health that the contract does not have."""
    return UNKNOWN_WORD(word=event.word, app=event.app)


def last_log_line(ended: Exited) -> Reason:
    """The reason with the last line of the app's log, or the reason that the log is empty."""
    return LOG_LINE(log_line=ended.log_tail[-1]) if ended.log_tail else NO_LOG()


def process_exit(ended: Exited) -> Reason:
    """The reason that the process ended, by itself or by its supervisor, with its exit code and the
    time.
    """
    if ended.supervisor is not None:
        return STOPPED_BY_SUPERVISOR(
            boot=ended.boot, why=ended.supervisor, exit_code=ended.exit_code, at_s=ended.at_s
        )
    return EXITED(boot=ended.boot, exit_code=ended.exit_code, at_s=ended.at_s)
