"""Stops the lab of a pytest-xdist worker within a second after its controller has ended.

Without this, execnet waits 5 s before it interrupts such a worker.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

GRACE_S = 0.3  # enough for an app that stops on SIGTERM; the dead-man's switch needs as long again
_POLL_S = 0.1


class ControllerWatch:
    """Interrupts this process, as Ctrl-C does, once its parent, the controller, has ended.

    With `may_kill` the process is killed if it still has a lab after `GRACE_S`; the dead-man's
    switch then removes everything. Without `may_kill` it gets the time to heal faults that would
    stay in force on another machine. A process without a lab is interrupted only once it has one.
    """

    def __init__(
        self, controller: int, *, holds_a_lab: Callable[[], bool], may_kill: bool
    ) -> None:  # fmt: skip
        self._controller, self._holds_a_lab, self._may_kill = controller, holds_a_lab, may_kill
        thread = threading.Thread(target=self._watch, name="chaoslab-controller", daemon=True)
        thread.start()

    def _watch(self) -> None:
        _until_gone(self._controller)
        while not self._holds_a_lab():
            time.sleep(_POLL_S)
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)  # to that thread, so that its loop wakes
        time.sleep(GRACE_S)
        if self._may_kill and self._holds_a_lab():
            os.kill(os.getpid(), signal.SIGKILL)


def _until_gone(controller: int) -> None:
    """Wait until the process with the number `controller`, the parent of this one, has ended.
    Without pidfd_open, the parent's number is polled.
    """
    try:
        watched = os.pidfd_open(controller)
    except (AttributeError, OSError):
        while os.getppid() == controller:
            time.sleep(_POLL_S)
        return
    try:
        gone = select.poll()
        gone.register(watched, select.POLLIN)
        while os.getppid() == controller and not gone.poll():
            pass
    finally:
        os.close(watched)
