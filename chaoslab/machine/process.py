"""Processes of a lab: spawn them, wait for them, end them, read their logs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chaoslab.errors import ErrorCode, Problem, ServiceFailed

NOT_EXECUTED = ErrorCode(
    "program.not_executed",
    "cannot execute {program!r}{as_user}: {cause}",
    "A program could not be started.",
)
_TAIL_BYTES = 65_536
_POLL_S = 0.01

_STOPPED = (b"T", b"t")
_NOT_RUNNING = (*_STOPPED, b"Z", b"X")


class Child(Protocol):
    """A process that the lab started: `subprocess.Popen`, or one in another PID namespace."""

    @property
    def pid(self) -> int:
        """The process's number as the lab sees it."""

    def poll(self) -> int | None:
        """The exit code; None while it runs; negative if a signal ended it."""

    def wait(self) -> int:
        """Wait until it has ended; returns the exit code. Blocks."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal; nothing happens if it has ended."""

    def kill(self) -> None:
        """Send SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The user and group that a process runs as; without `uid`, the user of the lab."""

    uid: int | None = None
    gid: int | None = None

    @property
    def drops(self) -> bool:
        """Whether the process runs as another user than the lab."""
        return self.uid is not None


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    identity: Identity | None = None,
    cwd: Path | None = None,
    stdin_open: bool = False,
    output: int | None = None,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process in its own session; returns it. Its stdout and stderr are appended to `log`.

    With `stdin_open`, stdin is a pipe; else it is empty. With `output`, stdout and stderr go to
    that descriptor instead, and the process has no file of the lab. The process inherits
    `descriptors`. Raises ServiceFailed if the program cannot be executed.
    """
    drop = identity if identity is not None and identity.drops else None
    with (
        open(log, "ab", opener=open_private)
        if output is None
        else contextlib.nullcontext(output) as sink
    ):
        try:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE if stdin_open else subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                bufsize=0,
                pass_fds=descriptors,
                user=drop.uid if drop else None,
                group=drop.gid if drop else None,
                extra_groups=() if drop else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ServiceFailed(not_executed(command, drop, error)) from None


def open_private(path: str, flags: int) -> int:
    """Open a log that only its owner can read; returns its descriptor. Follows no symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def not_executed(command: Sequence[str], drop: Identity | None, error: Exception) -> Problem:
    """The problem to report if `command`, which should run as `drop`, cannot be executed."""
    user = f" as user {drop.uid}" if drop else ""
    folder = getattr(error, "filename", None)
    if isinstance(error, FileNotFoundError | NotADirectoryError) and folder not in (
        None,
        command[0],
    ):
        fix = f"it should run in {folder}, which is no folder: check cwd"
    elif isinstance(error, FileNotFoundError):
        fix = "program not found: check the name, install it, or give its full path"
    elif isinstance(error, PermissionError):
        fix = "no permission to execute it: check its mode and the folders above it"
    else:
        fix = "check the command"
    reason = NOT_EXECUTED(program=command[0], as_user=user, cause=str(error))
    return Problem(reason=reason, fix=fix)


def working_folder() -> str:
    """The path of the working directory. Raises FileNotFoundError, which names it, if it was
    removed: an app may do that.
    """
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        name = "the working directory"
        raise FileNotFoundError(error.errno, error.strerror, name) from None


async def wait_for_end(process: Child) -> int:
    """Wait until a child process ends; returns its exit code. Needs no thread."""
    if (code := process.poll()) is not None:
        return code
    try:
        watched = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # no pidfd on this platform
        while process.poll() is None:  # noqa: ASYNC110  (there is no event to wait for)
            await asyncio.sleep(_POLL_S)
        return process.wait()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(watched, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(watched)
        os.close(watched)
    return process.wait()


async def run_to_end(process: subprocess.Popen[bytes]) -> int:
    """Wait until a child process ends; returns its exit code. Kills the child if the caller is
    cancelled.
    """
    try:
        return await wait_for_end(process)
    except BaseException:
        process.kill()
        process.wait()
        raise


async def end_within(process: Child, limit_s: float) -> bool:
    """Wait until the child ends, at most `limit_s` seconds; returns whether it ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await wait_for_end(process)
            return True
    return False


def kill_family(process: Child, family: Sequence[int]) -> None:
    """Send SIGKILL to the child's process group and to its descendants, the numbers in
    `family[1:]`.
    """
    # An unreaped child keeps its number; a group keeps its number while it has a member.
    for pid in family[1:]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def is_stopped(pid: int) -> bool:
    """Whether a signal (SIGSTOP) or a debugger has stopped the process."""
    return _state(f"/proc/{pid}") in _STOPPED


def is_frozen(pid: int) -> bool:
    """Whether no thread of the process runs, because a signal has stopped each or it has ended."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return True
    return all(_state(f"/proc/{pid}/task/{each}") in _NOT_RUNNING for each in threads)


def _state(process: str) -> bytes:
    """The state of a process or thread as in ps(1); `X` if it has ended."""
    try:
        with open(f"{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return b"X"


def tail(log: Path, lines: int = 15, *, start: int = 0) -> tuple[str, ...]:
    """The last `lines` lines of a log after byte `start`; empty if none. Reads at most 64 KiB."""
    try:
        with open(log, "rb") as file:
            file.seek(max(start, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-lines:]) if lines > 0 else ()
