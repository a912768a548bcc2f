"""A helper process of the lab, such as the proxy engine: it lives as long as its stdin is open."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path

from chaoslab.errors import ServiceFailed
from chaoslab.runtimes.local import process as processes
from chaoslab.runtimes.local.sockets import tree

READY_LIMIT_S = 15.0
_GRACE_S = 1.0


class Helper:
    """A process whose stdin this process holds open and whose stdout is read line by line."""

    def __init__(
        self, *, name: str, process: subprocess.Popen[bytes], reader: asyncio.StreamReader,
        transport: asyncio.ReadTransport, log: Path,
    ) -> None:  # fmt: skip
        self._name, self._process, self._log = name, process, log
        self._reader, self._transport = reader, transport

    @classmethod
    async def attach(cls, *, name: str, process: subprocess.Popen[bytes], log: Path) -> Helper:
        """Read the stdout of a process that was spawned with pipes."""
        assert process.stdout is not None
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        return cls(name=name, process=process, reader=reader, transport=transport, log=log)

    @property
    def pid(self) -> int:
        """Its main process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of its stderr."""
        return processes.tail(self._log, lines)

    async def read_line(self, limit_s: float = READY_LIMIT_S) -> str:
        """Its next line of output, without the line's end.

        Raises ServiceFailed with its last log lines if it ends or says nothing for `limit_s`.
        """
        try:
            async with asyncio.timeout(limit_s):
                line = await self._reader.readline()
        except TimeoutError:
            raise ServiceFailed(self._failed(f"said nothing for {limit_s:g} s")) from None
        if not line.endswith(b"\n"):
            await processes.end_within(self._process, _GRACE_S)
            raise ServiceFailed(self._failed(f"ended with exit status {self.exit_code}"))
        return line.decode(errors="replace").rstrip("\r\n")

    async def write_line(self, line: str) -> None:
        """Send it a line. Raises ServiceFailed if it no longer reads."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode() + b"\n")
        except (OSError, ValueError):
            raise ServiceFailed(self._failed("no longer reads its input")) from None

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        return await processes.wait_for_end(self._process)

    async def close(self, grace_s: float = _GRACE_S) -> int:
        """Close its stdin, give it `grace_s` to end by itself, then SIGKILL; the exit code."""
        family = tree(self.pid) if self.exit_code is None else ()
        self.let_go()
        if not await processes.end_within(self._process, grace_s):
            family = tree(self.pid)
        processes.kill_family(self._process, family)
        return await processes.wait_for_end(self._process)

    def let_go(self) -> None:
        """Close both pipes; a well-behaved helper ends of that."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._transport.close()

    def _failed(self, what: str) -> str:
        lines = "\n".join(f"  | {line}" for line in self.log_tail()) or "  | (nothing)"
        return f"{self._name}: the helper process {what}; its last log lines:\n{lines}"
