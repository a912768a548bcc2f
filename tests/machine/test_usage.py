"""Memory and processor time of a process tree, as the kernel shows them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chaoslab.machine.usage import used_by

MIB = 1024 * 1024
# A parent that waits for its input; its child takes 30 MiB, and says so.
CHILD = "held = bytearray(30 * 1024 * 1024); print('held', flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}]); input()"
SPIN = "import time\nwhile time.process_time() < 0.3: pass\nprint('spun', flush=True)\ninput()"


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed its first line."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_the_memory_of_a_child_is_the_apps() -> None:
    """A worker's growth counts as much as that of the first process."""
    with running("print('up', flush=True); input()") as alone, running(PARENT) as both:
        small, large = used_by(alone.pid), used_by(both.pid)
        assert small is not None
        assert large is not None
        assert large.rss_bytes - small.rss_bytes > 30 * MIB
        both.communicate("\n\n", timeout=20.0)


def test_processor_time_is_counted_in_seconds() -> None:
    """A process that used 0.3 s shows them, and no more than it can have used."""
    with running(SPIN) as process:
        used = used_by(process.pid)
    assert used is not None
    assert 0.25 <= used.cpu_s < 2.0


def test_a_process_that_has_ended_uses_nothing() -> None:
    """There is nothing to read."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert used_by(process.pid) is None
