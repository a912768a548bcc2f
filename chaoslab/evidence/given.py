"""The time that an app is given for a task, such as a start, and when the task was done. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chaoslab.evidence.settling import healthy_from_s
from chaoslab.evidence.timeline import Span, exited, life, watched_until_s
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import Bound, StartupComplete
from chaoslab.history.journal import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The time `span` that an app is given for a task. `done_s` is the time at which the task was
    done or given up (None: not known).

    `own`: the limit is not one of the plan. It is the app's own limit, at which the app ends
    itself. The app may count that limit only from `since_s` on, so its waits for a core before
    `since_s` do not excuse it.
    """

    span: Span
    done_s: float | None = None
    own: bool = False
    since_s: float | None = None


def start_of(
    app: str, boot: int, within_s: float | None, gives_up_s: float | None, history: History
) -> Iterator[Given]:
    """Yields a Given of `within_s` seconds from the spawn and, if the app ended itself before its
    start-up was complete, one of the app's own limit `gives_up_s`, which counts from the spawn.
    Yields nothing if the boot was not spawned.
    """
    if (lived := life(history, app, boot)) is None:
        return
    complete, ended = completed(app, boot, history), exited(history, app, boot)
    span = Span(start_s=lived.start_s, end_s=lived.start_s + (within_s or 0.0))
    yield Given(span=span, done_s=complete.at_s if complete else lived.end_s)
    if gives_up_s is not None and complete is None and ended is not None and not ended.asked:
        # The app may count its own limit from when it listens: the limit is then later by the time
        # that it waited for a core before. An app that ends for another reason ends sooner.
        bound = history.first_of_boot(Bound, app, boot)
        since_s = bound.at_s if bound else lived.start_s
        before_s = waited_s(history, app, boot, lived.start_s, since_s)
        own = replace(span, end_s=lived.start_s + before_s + gives_up_s)
        yield Given(span=own, done_s=ended.at_s, own=True, since_s=since_s)


def settling_start(
    app: str,
    boot: int,
    within_s: float | None,
    gives_up_s: float | None,
    history: History,
    *,
    settles: bool,
) -> Iterator[Given]:
    """Yields the same times as `start_of`. With `settles` a start may turn from degraded to
    healthy: its `done_s` is then the first healthy answer of health, or, without one, the end of
    the watch.
    """
    for given in start_of(app, boot, within_s, gives_up_s, history):
        complete = completed(app, boot, history)
        if given.own or complete is None or not settles:
            yield given
            continue
        healthy_s = healthy_from_s(app, boot, complete, history)
        done_s = watched_until_s(history, app, boot) if healthy_s is None else healthy_s
        yield replace(given, done_s=done_s)


def completed(app: str, boot: int, history: History) -> StartupComplete | None:
    """The event that the start-up of the boot was complete. None if that was not observed."""
    return history.first_of_boot(StartupComplete, app, boot)
