"""A lab with network namespaces of an ordinary user; as root, the test becomes another user."""

from __future__ import annotations

import json
import os
import subprocess

import psutil
import pytest

from chaoslab.machine.places import NOBODY
from chaoslab.machine.process import Identity
from runtimes.namespaces import Inside
from runtimes.ordinary_user import environment_of, folder_of, python_of

WITHIN_S = 120.0
USER = Identity(uid=NOBODY, gid=NOBODY) if os.geteuid() == 0 else Identity()
LAB = """
import asyncio, json, os, sys
from pathlib import Path
from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import App, Service
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.netns import NetnsRuntime, needs
ASKS = '''
import os, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as server:
    server.sendall(b"PING\\\\r\\\\n")
    print(server.recv(7).decode().strip())
print(os.getuid())
print(next(line.split()[1] for line in open("/proc/self/status") if "CapEff" in line))
'''
async def main():
    app = App(name="app", command=("x",), links=("redis",))
    async with NetnsRuntime([app]) as lab:
        redis = await lab.start_service(Service(name="redis", kind="redis"))
        control = await lab.start_proxy("embedded", seed=1, log=Path("proxy.log"))
        at = lab.proxied(await control.create("app.redis", str(redis.upstream)))
        command = (sys.executable, "-c", ASKS, at.host, str(at.port))
        boot = await lab.spawn_app(
            AppStart(app=app, command=command, env={}, port=8080, log=Path("app.log"))
        )
        code, packets = await boot.wait(), await control.packets("app.redis")
        seen = {"uid": os.getuid(), "code": code, "app": boot.log_tail(), "syns": packets.syns,
                "folder": str(lab.folder)}
        print(json.dumps(seen), flush=True)
        sys.stdin.readline()
        await control.close()
try:
    needs.check()
except RuntimeUnavailable as error:
    print(json.dumps({"lacks": str(error)}))
else:
    asyncio.run(main())
"""


def test_a_lab_of_an_ordinary_user_works_and_leaves_nothing() -> None:
    """The app reaches its server through the proxy, its connect is counted, and it has the user's
    number and no capability.
    """
    with (
        folder_of(USER) as folder,
        subprocess.Popen(
            [python_of(USER), "-c", LAB],
            cwd=folder, env=environment_of(USER), user=USER.uid, group=USER.gid,
            extra_groups=() if USER.drops else None,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as lab,
    ):  # fmt: skip
        try:
            assert lab.stdin is not None
            assert lab.stdout is not None
            seen = json.loads(lab.stdout.readline())
            if "lacks" in seen:
                pytest.skip(f"user {USER.uid}: {seen['lacks']}")
            family = psutil.Process(lab.pid).children(recursive=True)
            inside = Inside(process.pid for process in family)
            assert len(inside.members()) >= 3
            lab.stdin.write("end\n")
            lab.stdin.close()
            assert lab.wait(WITHIN_S) == 0
        finally:
            lab.kill()
        uid = os.geteuid() if USER.uid is None else USER.uid
        assert (seen["uid"], seen["code"], seen["syns"]) == (uid, 0, 1)
        assert seen["app"] == ["+PONG", str(uid), "0" * 16]
        assert not os.path.lexists(seen["folder"])
        assert psutil.wait_procs(family, timeout=WITHIN_S)[1] == []
        assert inside.members() == []
        inside.close()
