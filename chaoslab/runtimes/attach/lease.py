"""The lease of an attached lab on a proxy server, and what it has in force there; kept in a file.

A fault on an external proxy stays in force when the lab dies. So the lab records each fault in the
file before it puts the fault in force; the next run, or `chaoslab clean`, reports and heals it. A
running lab has a lock beside the file, which the kernel releases when the lab dies.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from chaoslab.clock import wall_time
from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.runtimes.attach.api import InForce

NO_FOLDER = ErrorCode(
    "lease.no_folder",
    "cannot record injected faults, so none is injected: {cause}",
    "The folder in which attached labs record their faults cannot be written.",
)
UNREADABLE = ErrorCode(
    "lease.unreadable",
    "{file} lists faults left in force by a lab, but cannot be read: {cause}",
    "A dead lab may have left faults in force, and its file is damaged.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """The content of a lease's file: the attached lab, and what it has in force on the proxies."""

    api: str
    pid: int
    host: str
    since: str
    in_force: tuple[InForce, ...] = ()

    def __str__(self) -> str:
        return f"the lab of process {self.pid} on {self.host}, attached since {self.since}"


_RECORD = TypeAdapter(LeaseRecord)


class Held(Exception):
    """Another running lab holds the lease; `record` describes it, if it has written one."""

    def __init__(self, record: LeaseRecord | None) -> None:
        self.record = record


class Lease:
    """One lab's exclusive right on this machine to inject faults through the API of a proxy server.

    `left` is the record of a dead lab that was found in the file; None if there was no file.
    """

    def __init__(self, path: Path, lock: int, left: LeaseRecord | None) -> None:
        self._path, self._lock, self.left = path, lock, left
        self._record: LeaseRecord | None = None

    @classmethod
    def take(cls, path: Path) -> Lease:
        """Take the lease whose file is `path`: lock it and read what a dead lab left.

        Raises Held if a running lab has the lock. Raises RuntimeUnavailable if the folder cannot be
        written or the file cannot be read.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason, fix = NO_FOLDER(cause=str(error)), "set XDG_STATE_HOME to a writable folder"
            raise RuntimeUnavailable(Problem(reason=reason, fix=fix)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise Held(_read(path)) from None
        try:
            return cls(path, lock, _read(path))
        except RuntimeUnavailable:
            os.close(lock)
            raise

    @property
    def in_force(self) -> tuple[InForce, ...]:
        """The changes that this lab has in force on the proxies now."""
        return self._record.in_force if self._record else ()

    def begin(self, api: str) -> None:
        """Write a new record: this process is attached, and nothing is in force."""
        since = wall_time().isoformat(timespec="seconds")
        self._write(LeaseRecord(api=api, pid=os.getpid(), host=platform.node(), since=since))

    def note(self, *faults: InForce) -> None:
        """Add changes to the record before they are put in force; the record is on disk on
        return.
        """
        assert self._record is not None
        new = tuple(fault for fault in faults if fault not in self._record.in_force)
        self._write(replace(self._record, in_force=(*self._record.in_force, *new)))

    def remove(self, *faults: InForce) -> None:
        """Remove healed faults from the record."""
        assert self._record is not None
        left = tuple(fault for fault in self._record.in_force if fault not in faults)
        self._write(replace(self._record, in_force=left))

    def end(self) -> None:
        """Delete the record and release the lock. Call it only if the lab has nothing in force any
        more.
        """
        self._path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Release the lock, and keep the record for the next run."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write(self, record: LeaseRecord) -> None:
        self._record = record
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(_RECORD.dump_json(record, indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def lease_path(api: str) -> Path:
    """The path of the lease's file for the proxy server whose API has the URL `api`."""
    parts = urlsplit(api)
    name = re.sub(r"[^\w.-]", "_", f"{parts.hostname}_{parts.port}")
    return _folder() / f"{name}.json"


def lease_paths() -> Iterator[Path]:
    """Yield the paths of all lease files of this user on this machine, of running and of dead
    labs.
    """
    with suppress(OSError):
        yield from sorted(_folder().glob("*.json"))


def _folder() -> Path:
    state = environment().get("XDG_STATE_HOME") or ""
    home = Path(state) if Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return home / "chaoslab" / "attach"


def _read(path: Path) -> LeaseRecord | None:
    try:
        return _RECORD.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = UNREADABLE(file=str(path), cause=str(error))
        fix = "check the proxies' toxics by hand, then remove the file"
        raise RuntimeUnavailable(Problem(reason=reason, fix=fix)) from error
