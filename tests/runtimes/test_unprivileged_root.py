"""Root without the capability SYS_PTRACE, as in a Docker container: labs run there too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE): gone from the program that is executed next
DROPPED = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(24, 19, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
LAB = """
import asyncio
from chaoslab.model.topology import Service
from chaoslab.runtimes.local import LocalRuntime
async def main():
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(Service(name="postgres", kind="postgres"))
        try:
            os.readlink(f"/proc/{running.pid}/fd/0")
        except PermissionError:
            print("hidden")
        print((await running.ask(within_s=5)).outcome)
import os
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
def test_a_server_of_another_user_is_recognized_though_its_sockets_are_hidden() -> None:
    """Postgres refuses root. Its listener is recognized by its user."""
    done = subprocess.run(
        [sys.executable, "-c", DROPPED, LAB],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["hidden", "answered"]
