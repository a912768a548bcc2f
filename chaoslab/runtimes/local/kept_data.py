"""The data that services have after the apps' `prepare` commands, kept for the session's labs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine.places import roomy_folder
from chaoslab.model.topology import Topology
from chaoslab.runtimes.local.service import LocalService
from chaoslab.services import kind_of

NOT_KEPT = ErrorCode(
    "prepare.data_not_kept",
    "its data could not be {done}: {cause}",
    "The data of a server could not be copied after the apps were prepared, or not be restored.",
)


class KeptData:
    """Copies of the data of the services that the apps with `prepare` use.

    They are kept only if the lab has all of what these commands may have written: if a linked
    service has data that the lab does not know, `prepare` runs in each lab. The copies are files
    without a name, so nothing remains of them after this process.
    """

    def __init__(self, topology: Topology) -> None:
        prepared = (app for app in topology.apps.values() if app.prepare)
        services = [topology.services[name] for app in prepared for name in app.links]
        data = {each.name: kind_of(each.kind).data(each) for each in services}
        self._possible = "unknown" not in data.values()
        self._names = [name for name, where in data.items() if where == "home"]
        self._files: dict[str, BinaryIO] = {}
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether the data of every service is kept."""
        return self._complete

    async def keep(self, services: Iterable[LocalService]) -> None:
        """Copy the data of the services, each of which is stopped meanwhile."""
        if not self._possible or self._complete:
            return
        await asyncio.gather(*(self._keep(each) for each in services if each.name in self._names))
        self._complete = True

    async def _keep(self, service: LocalService) -> None:
        file = tempfile.TemporaryFile(dir=roomy_folder())  # noqa: SIM115  (see `close`)
        self._files[service.name] = file
        await service.stop()
        words = ("-cf", "-", "--exclude", f"./{service.log.name}", "-C", str(service.home), ".")
        await asyncio.to_thread(_tar, service.name, "copied", words, service.env, to=file)
        await service.start()

    async def restore(self, service: str, home: Path, env: Mapping[str, str]) -> bool:
        """Unpack the kept data of that service into `home`, with modes and, for root, owners.
        Returns False if the service has none.
        """
        if (file := self._files.get(service)) is None:
            return False
        # Labs restore at the same time: each tar opens the file itself, at its own position.
        words = ("-xpf", f"/proc/{os.getpid()}/fd/{file.fileno()}", "-C", str(home))
        await asyncio.to_thread(_tar, service, "restored", words, env)
        return True

    def close(self) -> None:
        """Give up the copies."""
        while self._files:
            self._files.popitem()[1].close()


def _tar(
    service: str,
    done: str,
    words: tuple[str, ...],
    env: Mapping[str, str],
    *,
    to: BinaryIO | None = None,
) -> None:
    try:
        subprocess.run(
            ("tar", *words), stdin=subprocess.DEVNULL, stdout=to or subprocess.DEVNULL,
            stderr=subprocess.PIPE, env=dict(env), check=True,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        cause = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise ServiceFailed(
            Problem(reason=NOT_KEPT(done=done, cause=cause), where=service)
        ) from None
