"""A test process to be killed: brings a lab up, prints what it made, and waits.

Run as `python lab_process.py FOLDER [KINDS]`; imports nothing but chaoslab, so that any user and
any Python can run it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from chaoslab.model.topology import App, Service
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.local import LocalRuntime

# An app that does what it can to get away: a child in a session of its own and without the
# environment that it was given, and one that also lost its parent.
FAMILY = """
import os, subprocess, sys, time
# Some Pythons find their library only so.
bare = {name: os.environ[name] for name in os.environ if name == "LD_LIBRARY_PATH"}
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
mine = subprocess.Popen(sleeper, start_new_session=True, env=bare)
middle = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdout=2).pid)"
orphan = subprocess.check_output([sys.executable, "-c", middle, *sleeper], env=bare)
print(mine.pid, int(orphan), flush=True)
time.sleep(60)
"""


async def main(folder: Path, kinds: list[str]) -> None:
    async with LocalRuntime() as runtime:
        services = await asyncio.gather(
            *(runtime.start_service(Service(name=kind, kind=kind)) for kind in kinds)
        )
        command = (sys.executable, "-c", FAMILY)
        helper = runtime.spawn_helper("helper", command, log=folder / "helper.log")
        while not helper.log_tail():  # noqa: ASYNC110  (another process writes it)
            await asyncio.sleep(0.01)
        family = [int(pid) for pid in helper.log_tail()[-1].split()]
        app = await runtime.spawn_app(AppStart(
            app=App(name="app", command=()), command=command, env={}, port=0,
            log=folder / "app.log",
        ))  # fmt: skip
        while not app.log_tail():  # noqa: ASYNC110  (another process writes it)
            await asyncio.sleep(0.01)
        family += [int(pid) for pid in app.log_tail()[-1].split()]
        for service in services[:1]:
            await service.pause()
        made = {
            "pids": [service.pid for service in services] + [helper.pid, app.pid, *family],
            "ports": [service.endpoint.port for service in services],
            "versions": [service.version for service in services],
            "folder": str(runtime.folder),
            "uid": os.geteuid(),
        }
        print(json.dumps(made), flush=True)
        if "TEST_FORKS" in os.environ and os.fork() == 0:
            time.sleep(10)  # noqa: ASYNC251  (in the forked child)
            os._exit(0)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
