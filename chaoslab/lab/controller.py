"""A worker of pytest-xdist whose controller is gone: its lab ends within a second.

Left alone, execnet waits 5 s before it interrupts such a worker, and the lab's own end follows.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

ORDERLY_S = 0.3  # enough for an app that ends when it is asked to; the watchdogs need as long again
_POLL_S = 0.1


class ControllerWatch:
    """Interrupts this process once its parent, the controller, has ended, as Ctrl-C does.

    What still holds a lab `ORDERLY_S` later is killed; the lab's watchdogs, which outlive it, then
    take everything away at once. Without `may_kill` it has all the time that it needs, to heal what
    would stay in force elsewhere. A process without a lab is left to execnet.
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
        time.sleep(ORDERLY_S)
        if self._may_kill and self._holds_a_lab():
            os.kill(os.getpid(), signal.SIGKILL)


def _until_gone(controller: int) -> None:
    """Return once the controller has ended; by its number alone where there is no pidfd."""
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
