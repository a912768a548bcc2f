"""An engine for the tests: asked by its API, without docker-py; skipped where none answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.model.topology import Images
from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.sweeper import KINDS, Engine, EngineError, Thing, remove_all

IMAGE = environment().get("CHAOSLAB_IMAGE_PYTHON", Images().python)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes things in the engine under one session's name, and removes whatever is left of them."""

    engine: Engine
    session: str

    def labels(self, role: str = "app", **other: str) -> dict[str, str]:
        return labels.labels_for(self.session, role) | other

    def container(self, said: Mapping[str, str], *, network: str = "none", wait: int = 600) -> str:
        """A running container that does nothing; its id."""
        body = {
            "Image": IMAGE,
            "Cmd": ["sleep", str(wait)],
            "Labels": said,
            "HostConfig": {"NetworkMode": network},
            "Volumes": {"/anonymous": {}},
        }
        made = self._post("/containers/create", body)["Id"]
        status, answer = self.engine.call("POST", f"/containers/{made}/start")
        assert status == 204, answer
        return made

    def network(self, said: Mapping[str, str]) -> str:
        """An ordinary bridge; its id."""
        name = f"chaoslab-test-{uuid.uuid4().hex[:8]}"
        return self._post("/networks/create", {"Name": name, "Labels": said})["Id"]

    def volume(self, said: Mapping[str, str]) -> str:
        """A volume; its name."""
        return self._post("/volumes/create", {"Labels": said})["Name"]

    def things(self) -> list[Thing]:
        """Everything of this session that the engine holds."""
        label = f"{labels.SESSION}={self.session}"
        return [thing for kind in KINDS for thing in self.engine.things(kind, label)]

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        status, answer = self.engine.call("POST", path, json.dumps(body))
        assert status == 201, answer
        return json.loads(answer)


def engine_or_skip() -> Engine:
    """This machine's engine, with the image that the tests run."""
    try:
        address = engine_address()
        engine = Engine(address.url, certificates=address.certificates, timeout_s=30.0)
        engine.read("/_ping")
        engine.read(f"/images/{IMAGE}/json")
    except (EngineError, RuntimeUnavailable) as error:
        pytest.skip(f"needs a Docker engine with the image {IMAGE}: {error}")
    return engine


def made_things() -> Iterator[Maker]:
    """A maker under a fresh session name."""
    maker = Maker(engine=engine_or_skip(), session=f"test-{uuid.uuid4().hex[:12]}")
    yield maker
    remove_all(maker.engine, maker.things())
