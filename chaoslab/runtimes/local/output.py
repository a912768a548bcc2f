"""Reads an app's output in a thread, so that the app never waits for the lab's event loop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time
from threading import Lock, Thread

from chaoslab.clock import now_s
from chaoslab.runtimes.app_log import AppLog

_CHUNK_BYTES = 64 * 1024
_PIPE_BYTES = 1024 * 1024  # what an app can print while this process gets no processor
# Chunks that one call reads, as much as the pipe holds: an app may print without end.
_AT_ONCE = _PIPE_BYTES // _CHUNK_BYTES + 1
_PAUSE_S = 0.002


class Output:
    """The reading end of the pipe that an app writes its output to; the output goes to a log.

    If the lab is killed, the app's next write fails; the watchdog then ends the app.
    """

    def __init__(self, log: AppLog) -> None:
        self.log, self._lock = log, Lock()
        self._read, self.write_end = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a user's pipes may be limited
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._read, False)
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._open = True
        self._thread = Thread(target=self._run, name="chaoslab-output", daemon=True)

    def begin(self) -> None:
        """Start to read the pipe. Call it once the app's process has the writing end, which is
        closed here.
        """
        os.close(self.write_end)
        self._thread.start()

    def tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of all output so far, also of output that is still in the pipe."""
        self._read_available()
        return self.log.tail(lines)

    def read_rest(self) -> None:
        """Read the output that an ended process left in the pipe, into the log."""
        self._read_available()

    def close(self) -> None:
        """Read the rest of the output, and close the pipe and the log. Safe to repeat.

        A descendant of the app that prints later gets an error.
        """
        if not self._open:
            return
        self._open = False
        os.write(self._wake, b".")
        if self._thread.ident is not None:
            self._thread.join()
        else:
            os.close(self.write_end)
        self._read_available()
        with self._lock:
            for each in (self._read, self._woken, self._wake):
                os.close(each)
            self._read = -1
        self.log.close()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while self._open:
            poll.poll()
            begun_s = now_s()
            if not self._read_available():
                return
            # Without a pause this thread would take the lock again at once, and `tail` would wait.
            # So at most half of a processor reads the output of an app that prints without end.
            time.sleep(max(_PAUSE_S, now_s() - begun_s))

    def _read_available(self) -> bool:
        """Read what is in the pipe into the log; returns False if no more output can follow."""
        with self._lock:
            for _ in range(_AT_ONCE if self._read >= 0 else 0):
                try:
                    data = os.read(self._read, _CHUNK_BYTES)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                self.log.write(data)
        return True
