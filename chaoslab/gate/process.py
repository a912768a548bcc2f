"""One pytest as a process of its own: its output shown live, its report followed, and its end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from chaoslab.clock import now_s
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.gate.result import Abort

Record = Selected | Finished | Uncollected
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
_POLL_S = 0.2
_WORKERS_WITHIN_S = 15.0
_PR_SET_PDEATHSIG = 1
# Ctrl-C lets a scenario heal its faults and take its servers down; what does not follow it is told
# more plainly. After a SIGKILL the labs' own dead-man's switches take everything away.
_INSISTENCE = ((signal.SIGINT, 30.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A pytest that is to be run: its words, where, and the file in which it reports."""

    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    report: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a pytest ended: its exit code (negative is the signal that killed it), and why it was
    stopped, if it was.
    """

    code: int
    stopped: Abort | None


class ReportFile:
    """Reads a report as it grows: each whole line once."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def news(self) -> Iterator[Record]:
        """The records that were not read yet; a line that is not whole is left for later."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            yield _RECORD.validate_json(line)


def run_pytest(
    call: Call, heard: Callable[[Record], Abort | None], *, within_s: float, limit: str
) -> Ended:
    """Run it to its end and hand each record on; stop it where `heard` says so, or after
    `within_s` seconds, which `limit` names.

    It has a session of its own, so that Ctrl-C reaches it only through this process; nothing of it
    is left when this returns or raises.
    """
    call.report.unlink(missing_ok=True)
    report = ReportFile(call.report)
    due_s = now_s() + within_s
    process = subprocess.Popen(
        call.command,
        cwd=call.cwd,
        env=dict(call.env),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_interrupted_with_us(),  # noqa: PLW1509  (this process has one thread)
    )
    stopped: Abort | None = None
    try:
        while stopped is None and _runs(process):
            stopped = _heard(report, heard)
            if stopped is None and now_s() > due_s:
                stopped = Abort(
                    cause="deadline", why=f"{limit}: not finished after {within_s:.0f} s"
                )
    finally:
        if process.returncode is None:
            _stop(process)
        # what the last moments brought, also where nobody waits for it any more
        late = _heard(report, heard)
    return Ended(code=process.returncode, stopped=stopped or late)


def _interrupted_with_us() -> Callable[[], None] | None:
    """For the child: Ctrl-C when this process dies, so that a killed gate leaves nothing running.

    None where the kernel has no such thing.
    """
    if sys.platform != "linux":
        return None
    prctl, owner = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != owner:  # it died before it could be asked for
            os._exit(1)

    return ask


def _runs(process: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_POLL_S)
    return process.returncode is None


def _heard(report: ReportFile, heard: Callable[[Record], Abort | None]) -> Abort | None:
    stops = [heard(record) for record in report.news()]
    return next((each for each in stops if each is not None), None)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End its whole group, ever more plainly; a second Ctrl-C of the user's hurries it."""
    for number, patience_s in _INSISTENCE:
        _tell(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(patience_s)
        if process.returncode is not None:
            break
    # Workers of xdist outlive their leader while they heal what they broke.
    due_s = now_s() + _WORKERS_WITHIN_S
    while _tell(process.pid, 0) and now_s() < due_s:
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(_POLL_S)
    _tell(process.pid, signal.SIGKILL)


def _tell(group: int, number: int) -> bool:
    """Signal a group; whether there still is one (0 only asks)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


def quiet(call: Call, *, within_s: float) -> tuple[int, str]:
    """Run it to its end without showing it; returns its exit code and all that it printed."""
    process = subprocess.Popen(
        call.command,
        cwd=call.cwd,
        env=dict(call.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        return 1, f"pytest did not end within {within_s:.0f} s"
    finally:
        if process.poll() is None:
            _tell(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, said
