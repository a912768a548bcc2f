"""Reads the names of environment variables: their parts, and what part of an address they hold."""

from __future__ import annotations

import re

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# What the end of a variable's name says about its value. The first role whose word fits is taken.
ROLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("host", ("HOST", "HOSTNAME", "SERVER", "HOST_NAME", "SERVICE_HOST")),
    ("port", ("PORT", "TCP_PORT", "SERVICE_PORT")),
    ("password", ("PASSWORD", "PASS", "PASSWD", "PWD", "USER_PASSWORD")),
    ("user", ("USER", "USERNAME", "USER_NAME", "LOGIN")),
    ("database", ("DATABASE", "DBNAME", "DB_NAME", "DATABASE_NAME", "NAME", "DB", "VHOST")),
    ("kind", ("CLIENT", "ENGINE", "TYPE", "DIALECT", "DRIVER", "CONNECTION", "ADAPTER", "VENDOR")),
)
# Names of variables that hold an address of other things than servers of the app.
_NEVER = re.compile(
    r"(?:.*_)?(?:http|https|ftp|all|no)_proxy|docker_host|dbus_.*|ssh_.*|display|gpg_.*|pip_.*|npm_.*"
    r"|uv_.*|conda_.*|vscode_.*|goproxy|gosumdb|xdg_.*|session_manager|wayland_display|"
    r"(?:.*_)?(?:sentry|otel|opentelemetry|exporter)_.*",
    re.IGNORECASE,
)
DATABASE_WORDS = frozenset(("DB", "DATABASE", "SQL", "DATASOURCE", "RDS", "STORAGE"))
ADDRESS_WORDS = frozenset(
    [
        "ADDR", "ADDRESS", "ADDRESSES", "ENDPOINT", "HOST",
        "HOSTS", "SERVER", "SERVERS", "BROKER", "BROKERS",
        "NODES", "URL", "URI", "BOOTSTRAP",
    ]
)  # fmt: skip
APP_PORTS = frozenset(
    [
        "PORT", "APP_PORT", "HTTP_PORT", "SERVER_PORT", "LISTEN_PORT",
        "WEB_PORT", "API_PORT", "UVICORN_PORT", "FLASK_RUN_PORT", "BIND_PORT",
    ]
)  # fmt: skip
APP_HOSTS = frozenset(
    [
        "HOST", "APP_HOST", "LISTEN_HOST", "BIND_HOST", "UVICORN_HOST",
        "FLASK_RUN_HOST", "HTTP_HOST", "SERVER_HOST", "BIND_ADDRESS",
    ]
)  # fmt: skip
APP_ADDRESSES = frozenset(
    [
        "LISTEN_ADDR", "LISTEN_ADDRESS", "BIND", "BIND_ADDR", "HTTP_ADDR",
        "ADDR", "LISTEN", "SERVER_ADDR", "HTTP_ADDRESS", "GUNICORN_BIND",
    ]
)  # fmt: skip


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a name in upper case, split at underscores and changes of case."""
    return tuple(part.upper() for part in _PARTS.findall(name))


def is_other(name: str) -> bool:
    """Whether a variable of that name belongs to a tool or the machine, and never to the app's
    servers.
    """
    return _NEVER.fullmatch(name) is not None


def group_and_role(name: str) -> tuple[str, str] | None:
    """The group of variables, or options, that together hold one address, and the role of this one
    in it, as in `("DB_", "host")` for DB_HOST and --db-host. None if the name has no role.
    """
    upper = name.lstrip("-").replace("-", "_").upper()
    for role, words in ROLES:
        for word in sorted(words, key=len, reverse=True):
            if not upper.endswith(word) or upper == word:
                continue
            group = upper[: -len(word)]
            if group == "PG" or group.endswith(("_", ".")):
                return group, role
    return None
