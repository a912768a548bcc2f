"""Reads what Compose says of a database server: its database, user, password, extensions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from chaoslab.discover.compose import ComposeService
from chaoslab.discover.known import image_name
from chaoslab.errors import RuntimeUnavailable
from chaoslab.services import kinds
from chaoslab.services.keys import OWN
from chaoslab.services.postgres.extensions import NO_EXTENSION

Keys = Mapping[str, str | tuple[str, ...]]
EXTENSIONS = "extensions"  # the key of a service of kind `postgres`

# By kind and key: the variables of its images, the first of which that has a value counts.
_VARIABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "postgres": {
        "database": (
            *("POSTGRES_DB", "POSTGRESQL_DATABASE"),
            *("POSTGRES_USER", "POSTGRESQL_USERNAME"),  # the image names the database like the user
        ),
        "user": ("POSTGRES_USER", "POSTGRESQL_USERNAME"),
    },
    "mysql": {
        "database": ("MYSQL_DATABASE", "MARIADB_DATABASE"),
        "user": ("MYSQL_USER", "MARIADB_USER"),
    },
    "rabbitmq": {
        "vhost": ("RABBITMQ_DEFAULT_VHOST",),
        "user": ("RABBITMQ_DEFAULT_USER",),
    },
}
_EXTENSIONS: Mapping[str, str] = {"pgvector": "vector", "postgis": "postgis"}
# Extensions that a server loads when it starts, which the lab's server does not.
_PRELOADED: Mapping[str, str] = {
    "timescaledb": "timescaledb",
    "timescaledb-ha": "timescaledb",
    "citus": "citus",
}
_REQUIRES_PASSWORD = "--requirepass"
_REDIS_PASSWORDS = ("REDIS_PASSWORD", "VALKEY_PASSWORD")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeys:
    """The keys of `[services.<name>]` that Compose declares for a server, and what the lab cannot
    take over from it, for people.
    """

    keys: Keys = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def server_keys(kind: str, name: str, server: ComposeService) -> ServerKeys:
    """What the Compose service `server` says of the service `name` of a kind. No password is taken
    over: the app gets that of the lab's server.
    """
    keys: dict[str, str | tuple[str, ...]] = {}
    notes = []
    for key, variables in _VARIABLES.get(kind, {}).items():
        value = next(filter(None, map(server.environment.get, variables)), None)
        if value is None or value == OWN:
            continue
        if _allowed(kind, key, value):
            keys[key] = value
        else:
            notes.append(
                f"Compose: {server.name} has the {key} '{value}', which a lab's server does not "
                f"allow: the app gets {{{name}.{key}}}"
            )
    if kind == "redis" and _requires_password(server):
        keys["password"] = OWN
    if kind == "postgres":
        if (extension := _EXTENSIONS.get(image_name(server.image))) is not None:
            keys[EXTENSIONS] = (extension,)
        notes += _preloaded(server)
    return ServerKeys(keys=keys, notes=tuple(notes))


def lacking_extensions(error: RuntimeUnavailable) -> dict[str, tuple[str, ...]]:
    """Maps each service to the extensions that its server lacks, by an error of the start. Empty if
    that is not the whole error.
    """
    found: dict[str, tuple[str, ...]] = {}
    for problem in error.problems:
        if problem.reason.code != NO_EXTENSION.name:
            return {}
        name = problem.where.removeprefix("services.").removesuffix(f".{EXTENSIONS}")
        found[name] = (*found.get(name, ()), str(problem.reason.data["extension"]))
    return found


def _allowed(kind: str, key: str, value: str) -> bool:
    try:
        kinds()[kind].keys.model_validate({key: value})
    except ValidationError:
        return False
    return value.isprintable()


def _requires_password(server: ComposeService) -> bool:
    """Whether a Redis has a password, by its command or by the variables of its image."""
    flag = any(_REQUIRES_PASSWORD in word for word in server.command)
    return flag or any(server.environment.get(name) for name in _REDIS_PASSWORDS)


def _preloaded(server: ComposeService) -> Iterator[str]:
    if (extension := _PRELOADED.get(image_name(server.image))) is not None:
        yield (
            f"Compose: {server.name} ({server.image}) has the extension {extension}, which a "
            "server must load when it starts: unsupported, the lab's server does not"
        )
