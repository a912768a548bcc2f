"""A helper process of the lab, such as the proxy engine. It should end when its stdin closes."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections import deque
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine import process as processes
from chaoslab.machine.sockets import tree
from chaoslab.machine.trouble import Trouble, ended_by, last_lines, trouble_of

HELPER_FAILED = ErrorCode(
    "helper.failed",
    "the helper process {what}",
    "A process of the lab, such as its proxy engine, ended or did not answer.",
)
_GRACE_S = 2.0
_KEPT_LINES = 1_000


class _Lines(asyncio.Protocol):
    """Reads a helper's output at once, so that the helper never blocks on a full pipe.

    All output goes to the log. The last thousand lines that `next` has not returned are kept.
    """

    def __init__(self, log: Path) -> None:
        self._sink = open(log, "ab", buffering=0, opener=processes.private)  # noqa: SIM115  (closed when the pipe is)
        self._pending = b""
        self.lines: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self.news = asyncio.Event()
        self.ended = False

    def data_received(self, data: bytes) -> None:
        self._sink.write(data)
        *lines, self._pending = (self._pending + data).split(b"\n")
        self.lines.extend(lines)
        self.news.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._sink.close()
        self.ended = True
        self.news.set()

    async def next(self) -> bytes | None:
        """The next complete line, or None if there will be none."""
        while not self.lines:
            if self.ended:
                return None
            self.news.clear()
            await self.news.wait()
        return self.lines.popleft()


class LocalHelper:
    """A helper process with its stdin held open and both output streams in its log."""

    def __init__(
        self,
        *,
        name: str,
        process: subprocess.Popen[bytes],
        lines: _Lines,
        transport: asyncio.ReadTransport,
        log: Path,
    ) -> None:
        self._name, self._process, self._log = name, process, log
        self._lines, self._transport = lines, transport

    @classmethod
    async def attach(cls, *, name: str, process: subprocess.Popen[bytes], log: Path) -> LocalHelper:
        """Start to read the output of a process that was spawned with pipes."""
        assert process.stdout is not None
        transport, lines = await asyncio.get_running_loop().connect_read_pipe(
            lambda: _Lines(log), process.stdout
        )
        return cls(name=name, process=process, lines=lines, transport=transport, log=log)

    @property
    def pid(self) -> int:
        """Its main process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; a negative number is the signal that ended it."""
        return self._process.poll()

    def trouble(self) -> Trouble | None:
        """What is wrong with its process; it should run until the lab ends."""
        return trouble_of(self._process, (self.pid,), self.log_tail)

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of its output and errors."""
        return processes.tail(self._log, lines)

    async def readline(self, within_s: float) -> str:
        """Its next line on stdout, without the line's end.

        Raises ServiceFailed with its last log lines if it ends or sends nothing for `within_s`.
        """
        try:
            async with asyncio.timeout(within_s):
                line = await self._lines.next()
        except TimeoutError:
            raise ServiceFailed(self._failed(f"sent nothing for {within_s:g} s")) from None
        if line is None:
            await processes.end_within(self._process, _GRACE_S)
            raise ServiceFailed(self._failed(f"ended by {ended_by(self.exit_code or 0)}"))
        return line.decode(errors="replace").rstrip("\r")

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        return await processes.wait_for_end(self._process)

    async def terminate(self, grace_s: float = _GRACE_S) -> int:
        """SIGTERM and the end of its input, then SIGKILL after `grace_s`; returns the exit code."""
        family = tree(self.pid) if self.exit_code is None else ()
        if self.exit_code is None:
            self._process.terminate()
            self._close_input()
            if not await processes.end_within(self._process, grace_s):
                family = tree(self.pid)
        processes.kill_family(self._process, family)
        code = await processes.wait_for_end(self._process)
        self.close()
        return code

    def close(self) -> None:
        """Close both pipes; the helper should then end."""
        self._close_input()
        self._transport.close()

    def _close_input(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _failed(self, what: str) -> Problem:
        lines = last_lines(self.log_tail())
        return Problem(where=self._name, reason=HELPER_FAILED(what=what), lines=lines)
