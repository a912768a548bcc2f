"""What `init` observed of the app: its port, the answers of its paths, its times. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["health", "ready", "live", "does not notice"]


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
        return f"{self.status} {self.body}".strip() if self.status else self.error

    @property
    def good(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFound:
    """A path that answered with 2xx while nothing was severed. `severed` maps each service to the
    last answer while that service was refused; a service that was not tried is absent.
    """

    path: str
    steady: PathAnswer
    severed: Mapping[str, PathAnswer] = field(default_factory=dict)
    role: Role = "does not notice"

    @property
    def noticed(self) -> tuple[str, ...]:
        """The services whose loss changed the answer."""
        return tuple(name for name, answer in self.severed.items() if differs(self.steady, answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was observed. `port` is the port on which the app listens if it ignores `{port}`, else
    0. `boots_s` are the seconds from the spawn to the first good answer, one for each boot.
    `back_s` maps a service to the seconds from its heal until every path answered as before.
    `health_keys` are keys of `[apps.<name>.health]` beside the paths. `schema` are the tables that
    the first boot made, by service.
    """

    port: int = 0
    paths: tuple[PathFound, ...] = ()
    boots_s: tuple[float, ...] = ()
    back_s: Mapping[str, float] = field(default_factory=dict)
    not_back: tuple[str, ...] = ()
    health_keys: Mapping[str, object] = field(default_factory=dict)
    schema: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    request: str = ""
    notes: tuple[str, ...] = ()

    def path_of(self, role: Role) -> str:
        """The first path with that role; empty if none has it."""
        return next((each.path for each in self.paths if each.role == role), "")


def differs(one: PathAnswer, other: PathAnswer) -> bool:
    """Whether two answers of a path differ in more than their figures: times, counts and addresses
    change at each answer.
    """
    return (one.status, bool(one.error)) != (other.status, bool(other.error)) or (
        _without_figures(one.body) != _without_figures(other.body)
    )


def _without_figures(body: str) -> str:
    return "".join(letter for letter in body if not letter.isdigit())
