"""Steps and probes of the scenario's own: what it does and what it samples during a run.

Each has a name, its times, and the source text of its callable. A saved plan has the text and not
the callable. Judging a saved run calls nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from chaoslab.errors import ErrorCode, Problem
from chaoslab.model.source import source_of
from chaoslab.model.values import above, wrong
from chaoslab.model.when import AtMoment

ONE_OF_BOTH = "one of http= and call="
NO_NAME = ErrorCode("plan.probe_without_name", "has no name", "A probe of a plan has no name.")
NO_QUESTION = ErrorCode(
    "plan.probe_without_question", "asks nothing", "A probe has neither http= nor call=."
)
TWO_QUESTIONS = ErrorCode(
    "plan.probe_with_two_questions",
    "has both http= and call=",
    "A probe has both a request (http=) and a callable (call=).",
)
TWO_TARGETS = ErrorCode(
    "plan.request_with_two_targets",
    "has both app= and url=",
    "A request of a probe names both an app and a URL.",
)


class Scene(Protocol):
    """What a step or a probe can know about the run. A callable with one parameter gets it."""

    def url(self, app: str = "") -> str:
        """The base URL of an app's newest boot, as in `http://127.0.0.1:8000`. The app may be left
        out if there is only one. Raises LookupError before the app was spawned.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that the scenario does itself, once, at a moment of the run.

    `do` is a function or a coroutine function with no parameter, or with one, a `Scene`. A function
    runs in its own thread. `name` defaults to the function's name. A step that takes longer than
    `timeout_s` seconds has failed. If a step fails, or its moment does not occur, every PASS of
    the run becomes UNKNOWN. The lab fills in `source`.
    """

    at: AtMoment
    do: Callable[..., object] | None = None
    name: str = ""
    timeout_s: float = 30.0
    source: str = ""

    @property
    def label(self) -> str:
        """The step's name in events and reasons."""
        return self.name or str(getattr(self.do, "__name__", "step"))

    @property
    def place(self) -> str:
        """The place of the step's moment in the plan, as in `steps[flush].at`."""
        return f"steps[{self.label}].at"

    @property
    def longest_s(self) -> float:
        """How long the step may take, with the time to wait for its moment that it has itself."""
        return (self.at.within_s or 0.0) + self.at.after_s + self.timeout_s

    def resolved(self, by: Callable[[AtMoment], AtMoment]) -> Self:
        """The same step with its name and its source text. `by` fills in the longest time to wait
        for its moment.
        """
        source = self.source or _source(self.do)
        return replace(self, name=self.label, at=by(self.at), source=source)

    def saved(self) -> Self:
        """The same step without its callable, as a saved plan has it."""
        return replace(self, do=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpQuestion:
    """One HTTP request, which is sent on a new connection.

    It is sent to `app` (which may be left out if there is only one), or to `url`, as in
    `http://127.0.0.1:9000`. An answer is ok if its status is in `status`, or, if that is empty, if
    it is 2xx. `body` is sent as JSON text.
    """

    path: str
    app: str = ""
    url: str = ""
    method: str = "GET"
    body: str = ""
    status: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A sample that the scenario takes itself every `every_s` seconds during the run.

    `http` is a request. `call` is a function or a coroutine function with no parameter, or with
    one, a `Scene`. The sample is not ok if the function raises or returns False; what it returns is
    recorded. One sample is taken at a time. Each has `timeout_s` seconds. No sample is taken in the
    quiet time of `Sampling`, and no request is sent to an app before its spawn. The lab fills in
    `source`.
    """

    name: str
    every_s: float = 0.25
    timeout_s: float = 1.0
    http: HttpQuestion | None = None
    call: Callable[..., object] | None = None
    source: str = ""

    def resolved(self, only: str) -> Self:
        """The same probe with the source text of its callable and the app of its request filled in.
        `only` is the app if the request names neither an app nor a URL.
        """
        http = self.http
        if http is not None and not http.url:
            http = replace(http, app=http.app or only)
        return replace(self, http=http, source=self.source or _source(self.call))

    def saved(self) -> Self:
        """The same probe without its callable, as a saved plan has it."""
        return replace(self, call=None)


def step_problems(where: str, steps: Sequence[Step]) -> Iterator[Problem]:
    """The problems with steps that cannot be carried out."""
    for i, step in enumerate(steps):
        place = f"{where}: steps[{i}]"
        if not callable(step.do):
            yield wrong(place, "do", step.do, "a function or a coroutine function")
        yield from above(place, 0, timeout_s=step.timeout_s)


def probe_problems(where: str, probes: Sequence[Probe]) -> Iterator[Problem]:
    """The problems with probes that cannot be carried out."""
    for i, probe in enumerate(probes):
        place = f"{where}: probes[{i}]"
        if not probe.name:
            yield Problem(reason=NO_NAME(), where=place, fix="give it name=")
        if (probe.http is None) == (probe.call is None):
            reason = TWO_QUESTIONS() if probe.http else NO_QUESTION()
            yield Problem(reason=reason, where=place, expected=ONE_OF_BOTH)
        if probe.call is not None and not callable(probe.call):
            yield wrong(place, "call", probe.call, "a function or a coroutine function")
        if probe.http is not None:
            yield from _http(f"{place}.http", probe.http)
        yield from above(place, 0, every_s=probe.every_s, timeout_s=probe.timeout_s)


def _http(where: str, http: HttpQuestion) -> Iterator[Problem]:
    if http.app and http.url:
        yield Problem(reason=TWO_TARGETS(), where=where, expected="one of them")
    if not http.path.startswith("/"):
        yield wrong(where, "path", http.path, "a path that begins with '/'")
    if http.url and not _is_base(http.url):
        fix = "ask others, such as https, with call="
        yield wrong(where, "url", http.url, "http://host:port without a path", fix)


def _is_base(url: str) -> bool:
    host, colon, port = url.removeprefix("http://").rpartition(":")
    plain = bool(host) and not set(host) & set("/?#@ ")
    return url.startswith("http://") and bool(colon) and plain and port.isdecimal()


def _source(call: Callable[..., object] | None) -> str:
    return "" if call is None else source_of(call)
