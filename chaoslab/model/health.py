"""The health contract of an app: its paths, and how the words of its answers map to states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class HealthState(StrEnum):
    """The state that an answer of health means. `UNREACHABLE` means that there was no answer."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNREACHABLE = "unreachable"


# Words of IETF health+json, ASP.NET Core, Spring Boot, MicroProfile, Consul and the reference
# backend; JSON's true and false as words.
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
    """The paths that the app serves, and where its answers have its word and its dependencies.

    `port` names the port of the app at which it serves all of the paths, as in `{port:admin}`;
    empty for the app's own port.

    `status_field` and `dependencies_field` are members of the health body, or JMESPath expressions;
    a member of exactly that name counts first. Without a `status_field` only the status code
    counts. A dependency's value is a word, or an object that has its word at `status_field`, else
    at `status`. The name of a dependency ends at `name_separator`: with ":" that of
    `postgres:latency` is `postgres`.

    Without a `startup_path` (an app without phases) start-up is complete at the first healthy or
    degraded answer of `path`. Without a `ready_path` the app is ready when start-up is complete.
    `prober_timeout_s` is how long the platform's prober waits for an answer on any path.
    `prober_failures` is the number of misses in a row after which the prober removes or restarts
    the app. `period_s` is the shortest time between two requests of the lab on one path; None
    leaves it to the plan's sampling. `headers` are sent with each request on each path. `phases`
    are those that a complete start-up must publish; empty means any that the app publishes.
    """

    port: str = ""
    path: str = "/health"
    live_path: str | None = None
    ready_path: str | None = None
    startup_path: str | None = None
    prober_timeout_s: float = 1.0
    prober_failures: int = 3
    period_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[str, ...] = ()
    status_field: str = "status"
    dependencies_field: str = "dependencies"
    name_separator: str = ""
    words: Mapping[str, HealthState] = field(default_factory=lambda: dict(DEFAULT_WORDS))

    def lost(self, dependencies: Mapping[str, str]) -> tuple[str, ...]:
        """The names of the dependencies whose word does not mean healthy, in alphabetical order.
        `dependencies` maps each name to the app's word for its state.
        """
        return tuple(
            sorted(
                name
                for name, word in dependencies.items()
                if self.words.get(word.lower()) is not HealthState.HEALTHY
            )
        )

    def state_of(self, status_code: int, word: str | None) -> HealthState:
        """The state that an answer with this status code and word means. Status codes such as 503
        mean unhealthy with any body.

        Status code 429 means degraded, as in Consul. `pass` and `warn` of IETF health+json may come
        with a 3xx. An unknown or missing word means unhealthy, because an unreadable answer must
        not count as healthy. If the contract has no `status_field`, a 2xx means healthy with any
        word.
        """
        if status_code == 429:
            return HealthState.DEGRADED
        known = (word or "").lower() if self.status_field else ""
        redirected = 300 <= status_code < 400 and known in IETF_WORDS
        if not 200 <= status_code < 300 and not redirected:
            return HealthState.UNHEALTHY
        if not self.status_field:
            return HealthState.HEALTHY
        return self.words.get(known, HealthState.UNHEALTHY)
