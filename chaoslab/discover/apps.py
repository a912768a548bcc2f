"""Which service of a Compose file is the app, and which may be as well. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from chaoslab.discover.compose import ComposeService
from chaoslab.discover.known import BY_SCHEME, by_image, by_words
from chaoslab.discover.names import parts_of
from chaoslab.discover.urls import address_in

# Parts of the names of services that are rarely the app, but help it.
_HELPERS = frozenset(
    [
        *("DB", "DATABASE", "CACHE", "QUEUE", "BROKER"),
        *("PROXY", "NGINX", "CADDY", "TRAEFIK", "HAPROXY", "ENVOY", "GATEWAY"),
        *("WORKER", "CELERY", "BEAT", "SCHEDULER", "CRON", "CONSUMER"),
        *("MIGRATE", "MIGRATION", "MIGRATIONS", "INIT", "SEED", "SETUP"),
        *("TEST", "TESTS", "DOCS", "ADMINER", "PGADMIN", "MAILHOG", "FRONTEND", "UI"),
    ]
)


def app_of(services: Iterable[ComposeService], wanted: str) -> ComposeService | None:
    """The Compose service that is the app: the one that was asked for, else the likeliest of those
    that are built here, else of those whose image is no known server and that publish a port.
    """
    every = [*services]
    if wanted:
        return next((each for each in every if each.name == wanted), None)
    own = [each for each in every if each.build] or [
        each for each in every if each.image and by_image(each.image) is None and each.ports
    ]
    servers = _servers(every)
    return max(own, key=lambda each: _likely(each, servers), default=None)


def rivals(app: ComposeService | None, stack: Collection[ComposeService]) -> tuple[str, ...]:
    """The names of the other services of the file that are as likely the app as the chosen one."""
    if app is None:
        return ()
    servers = _servers(stack)
    return tuple(
        each.name
        for each in stack
        if by_image(each.image) is None
        and bool(each.build) == bool(app.build)
        and _likely(each, servers) >= _likely(app, servers)
    )


def _servers(services: Iterable[ComposeService]) -> set[str]:
    return {each.name.lower() for each in services if by_image(each.image) is not None}


def _likely(service: ComposeService, servers: Collection[str]) -> tuple[bool, ...]:
    """How likely a service is the app; the first difference counts."""
    parts = parts_of(service.name)
    helps = bool({*parts, service.name.upper()} & _HELPERS) or by_words(parts) is not None
    return (not service.profiles, not helps, _uses(service, servers), bool(service.ports))


def _uses(service: ComposeService, servers: Collection[str]) -> bool:
    """Whether a service starts after one of the servers, or has a variable that names one."""
    if any(name.lower() in servers for name in service.depends_on):
        return True
    for name, value in service.environment.items():
        address = address_in(value)
        if by_words(parts_of(name)) or (address is not None and address.scheme in BY_SCHEME):
            return True
        if any(word in servers for word in re.split(r"[^\w-]+", value.lower())):
            return True
    return False
