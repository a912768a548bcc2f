"""Runs a pytest process: shows its output, follows its report, and stops it if necessary."""

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
from chaoslab.errors import ErrorCode
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.gate.result import Abort

Record = Selected | Finished | Uncollected
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
_POLL_S = 0.2
_WORKERS_WITHIN_S = 15.0
_PR_SET_PDEATHSIG = 1
_SUMMARY_WITHIN_S = 10.0  # after its last test pytest only prints its summary
# After SIGINT a scenario heals its faults and stops its servers. If the process does not end in
# time, the next signal follows; after SIGKILL the dead-man's switch removes everything.
_SIGNALS = ((signal.SIGINT, 30.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

PYTEST_FAILED = ErrorCode(
    "gate.pytest_failed",
    "pytest ended with exit code {exit_code}",
    "Pytest could not run the tests; its last lines say why.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A pytest process to run: command, working directory, environment, and its report file."""

    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    report: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a pytest process ended: its exit code (negative for the signal that killed it), and why
    the gate stopped it, if it did.
    """

    code: int
    stopped: Abort | None


class ReportFile:
    """Reads a report file while pytest writes it.

    The record of each complete line is returned once.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def new_records(self) -> Iterator[Record]:
        """The records since the last call. An incomplete last line is left for the next call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        complete = data[: data.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.splitlines():
            yield _RECORD.validate_json(line)


def run_pytest(
    call: Call, on_record: Callable[[Record], Abort | None], *, within_s: float, limit: str
) -> Ended:
    """Run pytest, pass each of its records to `on_record`, and return how it ended.

    Pytest is stopped if `on_record` returns an Abort, or after `within_s` seconds; `limit` is the
    name of this time limit for messages. The process has its own session, so Ctrl-C does not reach
    it directly. When this function ends, also with an exception, the process group has ended.
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
        preexec_fn=_interrupt_at_our_death(),  # noqa: PLW1509  (this process has one thread)
    )
    stopped: Abort | None = None
    left = _TestsLeft(on_record)
    try:
        while stopped is None and _runs(process):
            stopped = _read(report, left.on_record)
            if stopped is None and now_s() > due_s:
                stopped = Abort(
                    cause="deadline", why=f"{limit}: not finished after {within_s:.0f} s"
                )
        if stopped is not None and left.none:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SUMMARY_WITHIN_S)
    finally:
        if process.returncode is None:
            _stop(process)
        late = _read(report, left.on_record)  # the records of its last moments
    return Ended(code=process.returncode, stopped=stopped or late)


class _TestsLeft:
    """Follows the records, to know whether every selected test has finished."""

    def __init__(self, on_record: Callable[[Record], Abort | None]) -> None:
        self._on_record = on_record
        self._left: set[str] | None = None

    def on_record(self, record: Record) -> Abort | None:
        """Note a record, and return the result of the given `on_record` for it."""
        if isinstance(record, Selected):
            self._left = set(record.nodeids)
        elif isinstance(record, Finished) and self._left is not None:
            self._left.discard(record.nodeid)
        return self._on_record(record)

    @property
    def none(self) -> bool:
        """Whether every selected test has finished; False before pytest has reported any."""
        return self._left is not None and not self._left


def _interrupt_at_our_death() -> Callable[[], None] | None:
    """A function that the child process calls before pytest starts; None on systems other than
    Linux.

    It asks the kernel to send SIGINT to the child when this process dies. So a killed gate leaves
    nothing running.
    """
    if sys.platform != "linux":
        return None
    prctl, owner = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != owner:  # this process died before the call
            os._exit(1)

    return ask


def _runs(process: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_POLL_S)
    return process.returncode is None


def _read(report: ReportFile, on_record: Callable[[Record], Abort | None]) -> Abort | None:
    stops = [on_record(record) for record in report.new_records()]
    return next((each for each in stops if each is not None), None)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the process group with SIGINT, then SIGTERM, then SIGKILL.

    A second Ctrl-C of the user sends the next signal at once.
    """
    for number, patience_s in _SIGNALS:
        _signal(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(patience_s)
        if process.returncode is not None:
            break
    # Workers of xdist may end later than their controller, while they heal their faults.
    due_s = now_s() + _WORKERS_WITHIN_S
    while _signal(process.pid, 0) and now_s() < due_s:
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(_POLL_S)
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; 0 sends none. Returns whether the group exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


def run_quietly(call: Call, *, within_s: float) -> tuple[int, str]:
    """Run pytest without showing its output. Returns its exit code and its output.

    If it does not end within `within_s` seconds, it is killed. Then the exit code is 1, and the
    output is a text that says so.
    """
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
        output, _ = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        return 1, f"pytest did not end within {within_s:.0f} s"
    finally:
        if process.poll() is None:
            _signal(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, output
