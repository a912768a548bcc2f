"""The journal of a run. Events are only added. Each event is kept in memory, and written at once to
the file as a JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from chaoslab.clock import now_s
from chaoslab.errors import UNREADABLE, ErrorCode, Problem, SpecError
from chaoslab.history.events import AnyEvent, BootEvent, Event
from chaoslab.history.files import open_file, unwritable
from chaoslab.history.moments import counts_from_s, find
from chaoslab.model.mask import Mask
from chaoslab.model.when import AtMoment

E = TypeVar("E", bound=Event)
B = TypeVar("B", bound=BootEvent)
NO_HISTORY = ErrorCode(
    "run.no_history", "file not found", "The folder of a run has no history.jsonl."
)
NOT_AN_EVENT = ErrorCode(
    "run.not_an_event", "line {line} is not an event: {cause}", "A line of a history is damaged."
)


@dataclass(frozen=True, slots=True)
class History:
    """The events of a run, in the order in which they were recorded."""

    events: tuple[AnyEvent, ...]

    def of(self, kind: type[E]) -> Iterator[E]:
        """The events of one type, in order."""
        return (event for event in self.events if isinstance(event, kind))

    def first(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> E | None:
        """The first event of the type `kind` for which `where` is true. None if there is none."""
        return next((event for event in self.of(kind) if where(event)), None)

    def last(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> E | None:
        """The last event of the type `kind` for which `where` is true. None if there is none."""
        found = None
        for event in self.of(kind):
            if where(event):
                found = event
        return found

    def of_boot(self, kind: type[B], app: str, boot: int) -> Iterator[B]:
        """The events of one type of one boot of an app, in order."""
        return (e for e in self.of(kind) if (e.app, e.boot) == (app, boot))

    def first_of_boot(self, kind: type[B], app: str, boot: int) -> B | None:
        """The first event of one type of one boot of an app. None if there is none."""
        return next(self.of_boot(kind, app, boot), None)

    def last_of_boot(self, kind: type[B], app: str, boot: int) -> B | None:
        """The last event of one type of one boot of an app. None if there is none."""
        return next(iter(reversed([*self.of_boot(kind, app, boot)])), None)


class Journal:
    """Records events, and wakes the tasks that wait for one.

    Each line is written to disk at once, so that a killed run keeps its history. Secrets are masked
    before an event is recorded or passed on. If the file cannot be written any more, `trouble`
    is the error, and the journal writes no more.
    """

    def __init__(self, path: Path, mask: Mask | None = None) -> None:
        self._path, self.mask = path, mask or Mask()
        self._file = open_file(path, append=True)
        self._sum = sha256(path.read_bytes())
        self._events: list[AnyEvent] = []
        self._kept = 0
        self.trouble = ""
        self._wakers: set[asyncio.Future[None]] = set()
        self.listeners: list[Callable[[AnyEvent], None]] = []
        self.origin_s = now_s()

    def now(self) -> float:
        """Seconds since the lab's start, the clock of every event."""
        return now_s() - self.origin_s

    @property
    def history(self) -> History:
        """All events so far."""
        return History(tuple(self._events))

    def events_from(self, number: int) -> list[AnyEvent]:
        """The events from index `number` on, counted from 0."""
        return self._events[number:]

    @property
    def kept(self) -> History:
        """The events that are in the file: all, unless the file could not be written any more.
        Numbers are rounded as in the file, so that verdicts of the run and of the saved run have
        the same data.
        """
        return History(tuple(replace(e, **_floats(e)) for e in self._events[: self._kept]))

    @property
    def checksum(self) -> str:
        """The SHA-256 of the file's content."""
        return self._sum.hexdigest()

    def append(self, event: AnyEvent) -> None:
        """Record one event, pass it to the listeners, and wake the tasks that wait for an event."""
        event = self.mask.of(event)
        self._events.append(event)
        if not self.trouble:
            self._write(_as_line(event).encode() + b"\n")
        for listener in self.listeners:
            listener(event)
        wakers, self._wakers = self._wakers, set()
        for waker in wakers:
            if not waker.done():
                waker.set_result(None)

    async def wait_for(
        self, found: Callable[[list[AnyEvent]], AnyEvent | None], within_s: float
    ) -> AnyEvent | None:
        """The event that `found` returns, as soon as it returns one. None after `within_s` seconds.

        `found` gets all events so far, and is called after each new one.
        """
        deadline_s = now_s() + within_s
        while True:
            if (event := found(self._events)) is not None:
                return event
            waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._wakers.add(waker)
            try:
                async with asyncio.timeout(max(0.0, deadline_s - now_s())):
                    await waker
            except TimeoutError:
                return found(self._events)
            finally:
                self._wakers.discard(waker)

    async def moment(self, moment: AtMoment, since_s: float | None = None) -> AnyEvent | None:
        """Wait for a moment and its `after_s`, and return its event. None if it did not occur in
        time.

        If the moment is the stop of a fault, `since_s` is when that fault began; see
        `moments.find`.
        """
        assert moment.within_s is not None, "the plan was not resolved"
        event = await self.wait_for(lambda events: find(moment, events, since_s), moment.within_s)
        if event is not None:
            left_s = counts_from_s(event, since_s) + moment.after_s - self.now()
            await asyncio.sleep(max(0.0, left_s))
        return event

    def close(self) -> None:
        """Close the file. The events stay readable. May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: bytes) -> None:
        left = line
        try:
            while left:
                count = os.write(self._file, left)
                self._sum.update(left[:count])
                left = left[count:]
        except OSError as error:
            self.trouble = str(unwritable(self._path, error))
        else:
            self._kept = len(self._events)


def _floats(event: AnyEvent) -> dict[str, Any]:
    """Maps the name of each field of the event that holds a float to its value, rounded to six
    decimals as in the file.
    """
    values = ((each.name, getattr(event, each.name)) for each in fields(event))
    return {name: round(value, 6) for name, value in values if isinstance(value, float)}


def _as_line(event: AnyEvent) -> str:
    """The JSON line of an event, without its line end: time and kind first, numbers rounded to six
    decimals.
    """
    values = asdict(event) | _floats(event)
    ordered = {"at_s": values["at_s"], "kind": values["kind"]} | values
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False)
    # an app's JSON may have half a surrogate pair, which UTF-8 cannot encode
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def _reader() -> TypeAdapter[AnyEvent]:
    """Reads an event. Made when it is needed: that takes 60 ms, and most runs only write."""
    return TypeAdapter(AnyEvent)


def read_history(path: Path) -> History:
    """The history in a file. An incomplete last line, as a killed run leaves one, is left out.

    Raises SpecError if the file is missing or cannot be read, or if a line before the last is no
    event.
    """
    if not path.is_file():
        raise SpecError(
            [Problem(reason=NO_HISTORY(), where=str(path), fix="give the folder of a run")]
        )
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        reason = UNREADABLE(cause=error.strerror)
        raise SpecError([Problem(reason=reason, where=str(path))]) from None
    lines = text.removesuffix("\n").split("\n") if text else []
    events: list[AnyEvent] = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(_reader().validate_json(line))
        except ValidationError as error:
            if number == len(lines):
                break
            reason = NOT_AN_EVENT(line=number, cause=error.errors()[0]["msg"])
            raise SpecError([Problem(reason=reason, where=str(path))]) from None
    return History(tuple(events))
