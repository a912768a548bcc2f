"""The dead-man's switch: a separate process that removes what a lab made after the lab has ended.

Run as `python -I -S deadman.py CLEANER OWNER_PID WORD…`, with pipes as stdin and stdout. It waits
until the owner writes the line `end`, closes the pipe or dies, whichever is first. Other lines are
passed on to the cleaner. Then it removes everything and answers with one line: `gone`, or `left`
and what is left. If the owner died, or something is left, it removes again after a pause.

CLEANER is the path of a module that knows what to remove (`reaper.py`, `sweeper.py`). It has:

    MORE_LOOKS_S                            the pauses before it removes again, in seconds
    clean_up(words, lines, *, again) -> str what is left and why, or the empty string

Neither this nor a cleaner imports anything of chaoslab. So the process starts within milliseconds
and depends on no file that may be deleted later. Lines that are in the pipe when the owner dies
are still read.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import time

_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


class Owner:
    """The process that started this one and is at the other end of stdin and stdout."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._pending = b""
        self.lines: list[str] = []
        self.ended = False
        os.set_blocking(0, False)

    def wait(self) -> None:
        """Wait until the owner writes `end`, closes the pipe or dies."""
        watched = select.poll()
        watched.register(0, select.POLLIN | select.POLLHUP)
        # A child that it forked may keep the pipe open, so its pidfd is watched too.
        with contextlib.suppress(AttributeError, OSError):
            watched.register(os.pidfd_open(self._pid), select.POLLIN)
        while self._read() and os.getppid() == self._pid:
            watched.poll(1000)
        self._read()

    def answer(self, line: str) -> None:
        """Write one line to the owner; no error if the owner has ended."""
        with contextlib.suppress(OSError):
            os.write(1, line.encode(errors="replace") + b"\n")

    def _read(self) -> bool:
        """Read what is in the pipe; returns whether the owner may write more."""
        try:
            while chunk := os.read(0, 65536):
                *lines, self._pending = (self._pending + chunk).split(b"\n")
                self.ended = self.ended or b"end" in lines
                self.lines += [line.decode() for line in lines if line != b"end"]
        except BlockingIOError:
            return not self.ended
        return False


def main() -> int:
    """Wait until the owner ends, then remove everything. Returns exit status 0 if nothing is
    left.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    path, pid, *words = sys.argv[1:]
    folder, name = os.path.split(path)
    sys.path.append(folder)
    cleaner = importlib.import_module(name.removesuffix(".py"))
    owner = Owner(int(pid))
    owner.wait()
    left = cleaner.clean_up(words, owner.lines, again=False)
    owner.answer(f"left {left}" if left else "gone")
    for pause_s in () if owner.ended and not left else cleaner.MORE_LOOKS_S:
        time.sleep(pause_s)
        left = cleaner.clean_up(words, owner.lines, again=True)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
