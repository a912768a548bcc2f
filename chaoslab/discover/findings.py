"""What `init` observed of the app: its port, the answers of its paths, its times. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chaoslab.printable import cut

_MOST_SHOWN = 120  # characters of an answer
Role = Literal["health", "ready", "live", "notices", "does not notice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathAnswer:
    """One answer of a path: its status, the type of its body, and the body's beginning. `error` is
    why there was no answer; the status is 0 then.
    """

    status: int = 0
    content_type: str = ""
    body: str = ""
    error: str = ""

    @property
    def text(self) -> str:
        """The answer in a few words, for people."""
        if not self.status:
            return self.error
        if self.is_page:
            return f"{self.status}, an HTML page"
        return cut(f"{self.status} {' '.join(self.body.split())}".strip(), _MOST_SHOWN)

    @property
    def good(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether the body is a page for browsers."""
        return self.body.lstrip().lower().startswith(("<!doctype html", "<html"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFound:
    """A path that answered while nothing was severed. `severed` maps each service to the last
    answer while that service was refused; a service that was not tried is absent. `volatile`
    means that two answers in a row had different bodies. Then only the status is compared, and so
    it is for a page of HTML: the health contract reads nothing else of it. `port` is the name of
    the further port of the app at which it was asked, empty for the app's own.
    """

    path: str
    steady: PathAnswer
    volatile: bool = False
    severed: Mapping[str, PathAnswer] = field(default_factory=dict)
    role: Role = "does not notice"
    port: str = ""

    @property
    def noticed(self) -> tuple[str, ...]:
        """The services whose loss changed the answer."""
        return tuple(name for name, answer in self.severed.items() if self.changed(answer))

    def changed(self, answer: PathAnswer) -> bool:
        """Whether the answer is another one than in the steady state."""
        only_status = self.volatile or self.steady.is_page
        return differs(self.steady, answer, only_status=only_status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was observed. `port` is the port on which the app listens if it ignores `{port}`, else
    0. `boots_s` are the seconds from the spawn to the first good answer, one for each boot;
    of a boot without a good answer to its first answer, and `all_good` is False then.
    `back_s` maps a service to the seconds from its heal until every path answered as before;
    `not_back` are the services after whose heal that did not happen in time. `schema` maps a
    service to the tables that the first boot made in it. `not_health` is the path of health that
    the user named, with its answer, if that is no good one; `failed_request`
    is the request that the user named, and what it answered, in the same case. `never_connected`
    are the services to which no connection of the app was seen in any boot.
    """

    port: int = 0
    paths: tuple[PathFound, ...] = ()
    boots_s: tuple[float, ...] = ()
    all_good: bool = True
    back_s: Mapping[str, float] = field(default_factory=dict)
    not_back: tuple[str, ...] = ()
    schema: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    request: str = ""
    not_health: str = ""
    failed_request: str = ""
    never_connected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def with_role(self, role: Role) -> PathFound | None:
        """The first path with that role; None if none has it."""
        return next((each for each in self.paths if each.role == role), None)

    @property
    def health(self) -> PathFound | None:
        """The path that is written as that of health: the one that notices, else the best other.
        The request that the user named is health only if it notices, and never if the user named a
        path of health too, or if the app answers health on another port.
        """
        others = [each for each in self.paths if each.path != self.request]
        others = [each for each in others if each.port] or others
        elsewhere = any(each.port for each in others)
        paths = others if self.not_health or elsewhere else self.paths
        known = [
            next((each for each in paths if each.role == role), None)
            for role in ("health", "notices", "ready")
        ]
        silent = [each for each in others if each.role == "does not notice"]
        return next((each for each in (*known, *silent, *others, *paths) if each), None)

    @property
    def instead(self) -> str:
        """Which path is health in place of the one that the user named, and why; else empty."""
        if not self.not_health:
            return ""
        used = self.health.path if self.health and self.health.steady.good else "none"
        return f"health: {used} instead of {self.not_health}"


def differs(one: PathAnswer, other: PathAnswer, *, only_status: bool = False) -> bool:
    """Whether two answers of a path differ in more than their figures: times, counts and addresses
    change with each answer.
    """
    if (one.status, bool(one.error)) != (other.status, bool(other.error)):
        return True
    return not only_status and _without_figures(one.body) != _without_figures(other.body)


def _without_figures(body: str) -> str:
    return "".join(letter for letter in body if not letter.isdigit())
