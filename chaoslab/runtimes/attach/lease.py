"""Which lab is attached to a proxy server, and what it has in force there: kept on disk.

A fault on somebody else's proxy outlives the lab that dies. So before anything is put in force it
is written down; whoever comes next (a run, `chaoslab clean`) finds it, says it, and takes it back.
That a lab lives is shown by its lock, which the kernel drops at its death.
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
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.runtimes.attach.api import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What stands in the file: who is attached, and what it has in force."""

    api: str
    pid: int
    host: str
    since: str
    in_force: tuple[Trace, ...] = ()

    def __str__(self) -> str:
        return f"the lab of process {self.pid} on {self.host}, attached since {self.since}"


_RECORD = TypeAdapter(LeaseRecord)


class Held(Exception):
    """Another lab lives and holds the lease; `record` says which, where it has said so."""

    def __init__(self, record: LeaseRecord | None) -> None:
        self.record = record


class Lease:
    """The right to inject through one API, from this machine. `left` is what was found in force."""

    def __init__(self, path: Path, lock: int, left: LeaseRecord | None) -> None:
        self._path, self._lock, self.left = path, lock, left
        self._record: LeaseRecord | None = None

    @classmethod
    def take(cls, path: Path) -> Lease:
        """Lock it. Raises Held where a living lab has it, RuntimeUnavailable without a folder."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RuntimeUnavailable(
                f"cannot record injected faults, so none is injected: {error}\n"
                "  set XDG_STATE_HOME to a writable folder"
            ) from error
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
    def in_force(self) -> tuple[Trace, ...]:
        """What this lab has in force."""
        return self._record.in_force if self._record else ()

    def begin(self, api: str) -> None:
        """Nothing is in force any more, and this process is the one to ask."""
        since = wall_time().isoformat(timespec="seconds")
        self._write(LeaseRecord(api=api, pid=os.getpid(), host=platform.node(), since=since))

    def note(self, *traces: Trace) -> None:
        """Write down what is about to be put in force; on disk when this returns."""
        assert self._record is not None
        new = tuple(trace for trace in traces if trace not in self._record.in_force)
        self._write(replace(self._record, in_force=(*self._record.in_force, *new)))

    def strike(self, *traces: Trace) -> None:
        """What was taken back."""
        assert self._record is not None
        left = tuple(trace for trace in self._record.in_force if trace not in traces)
        self._write(replace(self._record, in_force=left))

    def end(self) -> None:
        """Nothing is left: the file goes, and the lock with it."""
        self._path.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        """Unlock; what is written down stays, for whoever comes next."""
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
    """Where the lease on the API of that address lies."""
    parts = urlsplit(api)
    name = re.sub(r"[^\w.-]", "_", f"{parts.hostname}_{parts.port}")
    return _folder() / f"{name}.json"


def lease_paths() -> Iterator[Path]:
    """Every lease that this user has on this machine, of living labs and dead ones."""
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
        raise RuntimeUnavailable(
            f"{path} lists faults left in force by a lab, but cannot be read: {error}\n"
            "  check the proxies' toxics by hand, then remove the file"
        ) from error
