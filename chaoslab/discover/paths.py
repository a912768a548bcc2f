"""The usual paths of health, and what each of them is by its answers and by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chaoslab.discover.findings import PathAnswer, PathFound, Role

# The likeliest first: of several that notice the same, the first becomes the path of health.
USUAL = (
    *("/health", "/healthz", "/healthcheck", "/api/health", "/api/healthz", "/api/v1/health"),
    *("/v1/health", "/actuator/health", "/_health", "/__heartbeat__", "/v1/__heartbeat__"),
    *("/server/health", "/status", "/api/status", "/-/healthy", "/up"),
    *("/readyz", "/ready", "/readiness", "/-/ready", "/health/ready", "/health/readiness"),
    *("/actuator/health/readiness", "/api/ready"),
    *("/livez", "/live", "/liveness", "/health/live", "/health/liveness", "/ping", "/api/ping"),
    *("/actuator/health/liveness", "/__lbheartbeat__", "/v1/__lbheartbeat__", "/server/ping"),
)
# Nobody serves it: an app that answers it as it answers a path of health answers everything alike.
NOWHERE = "/chaoslab-asks-a-path-that-nobody-has"
_LIVE = frozenset(("live", "livez", "liveness", "alive", "ping", "lbheartbeat"))
_READY = frozenset(("ready", "readyz", "readiness"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The paths that the user named: of health, of liveness, of readiness, and a request."""

    health: str = ""
    live: str = ""
    ready: str = ""
    request: str = ""

    @property
    def every(self) -> tuple[str, ...]:
        """The paths that are named, each once."""
        named = (self.health, self.ready, self.live, self.request)
        return tuple(dict.fromkeys(each for each in named if each))


def not_declared(named: Named, steady: Mapping[str, PathAnswer]) -> Iterator[str]:
    """A remark for each path that the user named and that gives no good answer without a fault, but
    for that of health: another one may take its place.
    """
    for path in dict.fromkeys(filter(None, (named.ready, named.live, named.request))):
        if not steady[path].good:
            yield f"{path} is not declared: without a fault it answers {steady[path].text}"


def not_health(named: Named, steady: Mapping[str, PathAnswer]) -> str:
    """The path of health that the user named, with its answer, if that is no good one; else
    empty.
    """
    if not named.health or (answer := steady[named.health]).good:
        return ""
    return f"{named.health} ({answer.status or answer.error})"


def is_live(path: str) -> bool:
    """Whether the name of the path says that it answers whether the process is alive."""
    return bool(_last_words(path) & _LIVE)


def is_ready(path: str) -> bool:
    """Whether the name of the path says that it answers whether the app may get traffic."""
    return bool(_last_words(path) & _READY)


def with_roles(paths: Sequence[PathFound], named: Named) -> tuple[PathFound, ...]:
    """The paths with their roles: health is the one that noticed most services, unless the user
    named one of them; a path that noticed none is liveness only by its name or by the user's.
    """
    known = {each.path for each in paths}
    health = named.health if named.health in known else _health_of(paths, named)
    ready = named.ready or _first(p.path for p in paths if is_ready(p.path) and p.path != health)
    live = named.live or _first(
        p.path for p in paths if is_live(p.path) and not p.noticed and p.path != health
    )
    roles: dict[str, Role] = {live: "live", ready: "ready", health: "health"}
    return tuple(replace(each, role=_role(each, roles)) for each in paths)


def _role(found: PathFound, roles: dict[str, Role]) -> Role:
    usual: Role = "notices" if found.noticed else "does not notice"
    return roles.get(found.path, usual)


def _health_of(paths: Sequence[PathFound], named: Named) -> str:
    others = {named.live, named.ready, named.request}
    noticing = [each for each in paths if each.noticed and each.path not in others]
    best = max(noticing, key=lambda each: (len(each.noticed), _generality(each.path)), default=None)
    return best.path if best else ""


def _generality(path: str) -> int:
    """2 for a path that answers for the whole app, 1 for readiness, 0 for liveness."""
    return 0 if is_live(path) else 1 if is_ready(path) else 2


def _first(paths: Iterable[str]) -> str:
    return next(iter(paths), "")


def _last_words(path: str) -> set[str]:
    return set(re.split(r"[^a-z]+", path.lower().rpartition("/")[2]))
