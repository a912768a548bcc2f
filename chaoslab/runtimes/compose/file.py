"""A Compose file as Compose itself understands it, and the copy of it that a lab starts.

The copy is the stack without what would tie it to one place on the machine: names of containers,
networks and volumes are Compose's own for the lab's project, and only what the lab talks to is
published, on ports of its own. Everything in it carries the session's labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chaoslab.errors import Problem, RuntimeUnavailable, SpecError, did_you_mean
from chaoslab.model.topology import Topology
from chaoslab.runtimes.compose.tool import Compose
from chaoslab.runtimes.containers.engine import HOST
from chaoslab.runtimes.containers.stack import PROXY_NAME

FILE = "docker-compose.chaos.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """One file, rendered: every variable filled, every path absolute."""

    path: Path
    _rendered: Mapping[str, Any]

    def image(self, service: str) -> str:
        """The image that the file names for a service; empty where it names none."""
        return str(self._services[service].get("image") or "")

    def is_built(self, service: str) -> bool:
        """Whether the file says how the service's image is built."""
        return bool(self._services[service].get("build"))

    def networks(self, service: str) -> frozenset[str]:
        """The file's names of the networks that a service is on."""
        return frozenset(self._services[service].get("networks") or ())

    def check(self, topology: Topology) -> None:
        """Raise SpecError, with every problem, where it lacks a part of the topology."""
        known = sorted(self._services)
        problems = [
            Problem(
                where=str(self.path),
                what=f"no service '{name}', which is {what}",
                expected=f"one of the services in the file: {', '.join(known) or '(none)'}",
                fix=did_you_mean(name, known) or f"name {what} '{name}' there",
            )
            for name, what in _needed(topology).items()
            if name not in self._services
        ]
        problems += [
            Problem(
                where=f"{self.path}: services.{app}",
                what="it has no image",
                expected="an image, so that the lab can start the app from it",
                fix="add `image:` beside `build:`",
            )
            for app in topology.apps
            if app in self._services and not self.image(app)
        ]
        if problems:
            raise SpecError(problems)

    def copy(
        self, *, ports: Mapping[str, Mapping[int, int]], labels: Mapping[str, Mapping[str, str]]
    ) -> str:
        """The text of the lab's copy.

        `ports` are, by service, those to publish on loopback (inside to outside); `labels` those
        of each service, network and volume by its name in the file.
        """
        whole = {key: value for key, value in self._rendered.items() if key != "name"}
        whole["services"] = {
            name: {
                **{key: value for key, value in said.items() if key != "container_name"},
                "labels": _labels(said.get("labels")) | dict(labels[name]),
                "ports": [f"{HOST}:{out}:{into}" for into, out in ports.get(name, {}).items()],
            }
            for name, said in self._services.items()
        }
        for kind in ("networks", "volumes"):
            if kind in whole:
                whole[kind] = {
                    name: _own(said or {}, labels.get(name, {}))
                    for name, said in (whole[kind] or {}).items()
                }
        return yaml.safe_dump(whole, sort_keys=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every service, network and volume of the file."""
        kinds = ("services", "networks", "volumes")
        return tuple(name for kind in kinds for name in self._rendered.get(kind) or {})

    @property
    def _services(self) -> Mapping[str, Mapping[str, Any]]:
        services: Mapping[str, Mapping[str, Any]] = self._rendered.get("services") or {}
        return services


def beside(topology: Topology) -> Path:
    """The Compose file of a topology, which lies beside it. Raises RuntimeUnavailable if none."""
    path = Path(topology.source or "chaoslab.toml").absolute().with_name(FILE)
    if not path.is_file():
        raise RuntimeUnavailable(
            f"{path} not found\n  --chaos-runtime=compose runs the stack of the {FILE} beside "
            "the topology file; write one, or run the same scenarios without: "
            "--chaos-runtime=docker"
        )
    return path


def read(compose: Compose, path: Path) -> ComposeFile:
    """The file as Compose renders it.

    Raises ServiceFailed with Compose's own words for a file that it refuses.
    """
    text = compose.said("-f", str(path), "config", folder=path.parent)
    rendered = yaml.safe_load(text)
    if not isinstance(rendered, dict):
        raise RuntimeUnavailable(f"{path}: {compose} renders it as {type(rendered).__name__}")
    return ComposeFile(path=path, _rendered=rendered)


def _needed(topology: Topology) -> dict[str, str]:
    parts = {PROXY_NAME: "the Toxiproxy that carries every link"}
    parts |= {name: f"a {service.kind} of the topology" for name, service in
              topology.services.items()}  # fmt: skip
    return parts | dict.fromkeys(topology.apps, "an app of the topology")


def _labels(said: object) -> dict[str, str]:
    if isinstance(said, Mapping):
        return {str(key): str(value) for key, value in said.items()}
    pairs = [str(each).partition("=") for each in said] if isinstance(said, list) else []
    return {key: value for key, _, value in pairs}


def _own(said: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """A network or a volume of the lab's own; one that is external stays what it is."""
    if said.get("external"):
        return dict(said)
    kept = {key: value for key, value in said.items() if key != "name"}
    return kept | {"labels": _labels(said.get("labels")) | dict(labels)}
