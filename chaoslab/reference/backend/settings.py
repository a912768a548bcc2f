"""Reads the environment into a `Settings` object. No other module reads the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from chaoslab.reference.backend.profiles import PROFILES, Limits

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LIMIT_PREFIX = "LIMIT_"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the backend, checked and typed."""

    host: str
    port: int
    database_url: str
    redis_url: str
    profile: str
    limits: Limits
    emergency_allow_no_database: bool = False
    run_migrations: bool = True
    log_level: str = "INFO"
    secret_key: str = ""

    @property
    def database_address(self) -> str:
        """`host:port` of Postgres for messages, without credentials."""
        return address(self.database_url, 5432)

    @property
    def redis_address(self) -> str:
        """`host:port` of Redis for messages, without credentials."""
        return address(self.redis_url, 6379)


class SettingsError(Exception):
    """The environment has mistakes; `problems` has one line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def address(url: str, default_port: int) -> str:
    """`host:port` of the URL of a service, without its credentials."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or default_port}"


def read(env: Mapping[str, str]) -> Settings:
    """Read the Settings from the variables `env`. Raises SettingsError with all mistakes."""
    reader = _Reader(env)
    profile = reader.get("PROFILE", "production", _profile)
    limits = reader.limits(PROFILES.get(profile, PROFILES["production"]))
    settings = Settings(
        host=reader.get("HOST", "127.0.0.1", _text),
        port=reader.get("PORT", "8080", _port),
        database_url=reader.get("DATABASE_URL", None, _url("postgresql", "postgres")),
        redis_url=reader.get("REDIS_URL", None, _url("redis", "rediss")),
        profile=profile,
        limits=limits,
        emergency_allow_no_database=reader.get("EMERGENCY_ALLOW_NO_DATABASE", "false", _flag),
        run_migrations=reader.get("RUN_MIGRATIONS", "true", _flag),
        log_level=reader.get("LOG_LEVEL", "INFO", _log_level),
        secret_key=reader.get("SECRET_KEY", "", str),
    )
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


Reader = Callable[[Mapping[str, str]], Settings]


def from_environment(reader: Reader = read) -> Settings:
    """Read the Settings from this process's environment. Raises SettingsError with all mistakes."""
    return reader(os.environ)  # noqa: TID251 - the only place that may read the environment


class _Reader:
    """Reads variables one by one, and collects the mistakes in `problems`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def get(self, name: str, default: str | None, parse: Callable[[str], T]) -> T:
        """The parsed value of a variable, or of `default` if it is not set.

        A mistake is added to `problems`, and a valid value is returned instead.
        """
        raw = self._env.get(name, default)
        try:
            if raw is None:
                raise ValueError("not set, but required")
            return parse(raw)
        except ValueError as error:
            shown = "" if raw is None or "_URL" in name else f"={raw!r}"
            self.problems.append(f"{name}{shown}: {error}")
            return parse(default) if default is not None else parse(_STAND_IN[name])

    def limits(self, base: Limits) -> Limits:
        """The limits `base` of the profile, some of them replaced by the variables `LIMIT_*`."""
        known = {LIMIT_PREFIX + f.name.upper(): f.name for f in fields(Limits)}
        changes: dict[str, float] = {}
        for name in sorted(n for n in self._env if n.startswith(LIMIT_PREFIX)):
            if name not in known:
                self.problems.append(f"{name}: no such limit{_did_you_mean(name, known)}")
                continue
            whole = isinstance(getattr(base, known[name]), int)
            changes[known[name]] = self.get(name, "1", _count if whole else _seconds)
        limits: Limits = replace(base, **changes)  # type: ignore[arg-type]  # parsed per field
        if limits.pool_min > limits.pool_max:
            self.problems.append(
                f"LIMIT_POOL_MIN={limits.pool_min}: larger than the pool"
                f" (LIMIT_POOL_MAX={limits.pool_max})"
            )
        if limits.redis_connect_s + limits.reserve_s >= limits.init_s:
            self.problems.append(
                f"LIMIT_INIT_S={limits.init_s:g}: leaves no time for the database; expected more"
                f" than LIMIT_REDIS_CONNECT_S + LIMIT_RESERVE_S"
                f" ({limits.redis_connect_s + limits.reserve_s:g})"
            )
        return limits


_STAND_IN = {"DATABASE_URL": "postgresql://localhost/x", "REDIS_URL": "redis://localhost"}


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("empty")
    return raw.strip()


def _port(raw: str) -> int:
    if not raw.isdecimal() or not 1 <= int(raw) <= 65535:
        raise ValueError("expected a port, 1 to 65535")
    return int(raw)


def _profile(raw: str) -> str:
    if raw not in PROFILES:
        hint = _did_you_mean(raw, PROFILES)
        raise ValueError(f"no such profile; expected one of {', '.join(sorted(PROFILES))}{hint}")
    return raw


def _flag(raw: str) -> bool:
    word = raw.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("expected true or false")
    return word in TRUE


def _log_level(raw: str) -> str:
    if raw.upper() not in LOG_LEVELS:
        raise ValueError(f"expected one of {', '.join(LOG_LEVELS)}")
    return raw.upper()


def _seconds(raw: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not 0.0 < value < float("inf"):
        raise ValueError("expected a number above 0")
    return value


def _count(raw: str) -> int:
    if not raw.isdecimal() or int(raw) < 1:
        raise ValueError("expected a whole number, 1 or more")
    return int(raw)


def _url(*schemes: str) -> Callable[[str], str]:
    """Return a parser that accepts a URL with one of these schemes and returns it unchanged, or
    raises ValueError. Its messages never show the URL, which has secrets.
    """

    def parse(raw: str) -> str:
        parts: SplitResult = urlsplit(raw)
        if parts.scheme not in schemes:
            raise ValueError(f"expected a URL that begins with {schemes[0]}://")
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError("its port is not a number from 1 to 65535")
        return raw

    return parse
