"""What a process prints, taken by a thread: it never waits for the lab's loop, nor has a file."""

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
_PIPE_BYTES = 1024 * 1024  # what an app may print while this process gets no core
# Chunks for one look, all that the pipe holds: one that prints without end must not hold it up.
_AT_ONCE = _PIPE_BYTES // _CHUNK_BYTES + 1
_BREATH_S = 0.002


class Output:
    """The reading end of a pipe that an app writes to, and its log.

    The lab holds the pipe. Dies the lab by SIGKILL, then the app's next write fails, in the moment
    before the watchdog ends the app as well.
    """

    def __init__(self, log: AppLog) -> None:
        self._log, self._lock = log, Lock()
        self._read, self.write_end = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a user's pipes may be limited
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._read, False)
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._open = True
        self._thread = Thread(target=self._run, name="chaoslab-output", daemon=True)

    def begin(self) -> None:
        """The process has the writing end: let go of it and read."""
        os.close(self.write_end)
        self._thread.start()

    def tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of all that it has printed by now."""
        self._take()
        return self._log.tail(lines)

    def take_all(self) -> None:
        """Take what a process that has ended left in the pipe."""
        self._take()

    def close(self) -> None:
        """Take the rest and close; a descendant that prints later gets an error. Safe to repeat."""
        if not self._open:
            return
        self._open = False
        os.write(self._wake, b".")
        if self._thread.ident is not None:
            self._thread.join()
        else:
            os.close(self.write_end)
        self._take()
        with self._lock:
            for each in (self._read, self._woken, self._wake):
                os.close(each)
            self._read = -1
        self._log.close()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while self._open:
            poll.poll()
            begun_s = now_s()
            if not self._take():
                return
            # A lock is given to whoever asks first, and this thread would ask again at once: the
            # lab's loop, which waits for the last lines, would have none of it. At most half of a
            # core goes into reading what an app prints without end.
            time.sleep(max(_BREATH_S, now_s() - begun_s))

    def _take(self) -> bool:
        """Read what is there; False where nothing will come any more."""
        with self._lock:
            for _ in range(_AT_ONCE if self._read >= 0 else 0):
                try:
                    data = os.read(self._read, _CHUNK_BYTES)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                self._log.write(data)
        return True
