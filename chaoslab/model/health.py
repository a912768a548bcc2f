"""The health contract of an app: where it answers, and how its words map to four states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class HealthState(StrEnum):
    """What a health answer says, normalised; `UNREACHABLE` is the absence of an answer."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNREACHABLE = "unreachable"


# Words of the common conventions: IETF health+json, ASP.NET Core, Spring Boot, MicroProfile,
# Consul, and the incident's own; JSON's true and false as words.
DEFAULT_WORDS: Mapping[str, HealthState] = MappingProxyType(
    {
        **dict.fromkeys(("healthy", "pass", "up", "ok", "passing", "true"), HealthState.HEALTHY),
        **dict.fromkeys(("degraded", "warn", "warning"), HealthState.DEGRADED),
        **dict.fromkeys(
            ("unhealthy", "fail", "down", "out_of_service", "critical", "error", "starting"),
            HealthState.UNHEALTHY,
        ),
        **dict.fromkeys(("unavailable", "unreachable", "false"), HealthState.UNHEALTHY),
    }
)

IETF_WORDS = ("pass", "warn")  # may come with 2xx or 3xx (draft-inadarei-api-health-check-06, 3.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthContract:
    """Paths that the app serves and the field names that its answers use.

    `status_field` and `dependencies_field` name members of the health body; a dependency's
    member is a word, or an object with a `status_field` of its own. `startup_path` may be
    absent (an app without phases); then start-up counts as complete at the first answer of `path`
    that says healthy or degraded. `ready_path` may be absent; then a complete start-up is ready.
    `prober_timeout_s` is how long the platform's prober waits for one answer of any of the paths,
    and `prober_failures` after how many misses in a row it takes the app out (or restarts it).
    `period_s` is the least time between two questions of the lab on one path, for an app that bears
    no more; None leaves it to the plan's sampling.
    `phases` are those that a complete start-up must publish there; empty: any that it publishes.
    """

    path: str = "/health"
    live_path: str | None = None
    ready_path: str | None = None
    startup_path: str | None = None
    prober_timeout_s: float = 1.0
    prober_failures: int = 3
    period_s: float | None = None
    phases: tuple[str, ...] = ()
    status_field: str = "status"
    dependencies_field: str = "dependencies"
    words: Mapping[str, HealthState] = field(default_factory=lambda: dict(DEFAULT_WORDS))

    def lost(self, dependencies: Mapping[str, str]) -> tuple[str, ...]:
        """The dependencies that an answer calls anything but healthy, in alphabetical order."""
        return tuple(
            sorted(
                name
                for name, word in dependencies.items()
                if self.words.get(word.lower()) is not HealthState.HEALTHY
            )
        )

    def state_of(self, status_code: int, word: str | None) -> HealthState:
        """The state that an answer claims: 503 and its like are unhealthy whatever the body says.

        Consul's 429 is its warning; IETF health+json's pass and warn may come with a 3xx. An answer
        whose word is unknown is unhealthy: what cannot be read must not count as healthy.
        """
        if status_code == 429:
            return HealthState.DEGRADED
        redirected = 300 <= status_code < 400 and (word or "").lower() in IETF_WORDS
        if not 200 <= status_code < 300 and not redirected:
            return HealthState.UNHEALTHY
        if word is None:
            return HealthState.HEALTHY if not self.status_field else HealthState.UNHEALTHY
        return self.words.get(word.lower(), HealthState.UNHEALTHY)
