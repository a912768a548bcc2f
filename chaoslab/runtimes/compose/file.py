"""A Compose file as Compose renders it, and the copy of it that a lab starts.

Several copies can run on one machine: Compose names the containers, networks and volumes of each
copy, and only the ports that the lab needs are published, on free ports. Everything in a copy has
the session's labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, SpecError, did_you_mean
from chaoslab.model.topology import Topology
from chaoslab.runtimes.compose.tool import Compose
from chaoslab.runtimes.containers.engine import HOST
from chaoslab.runtimes.containers.stack import PROXY_NAME

FILE = "docker-compose.chaos.yml"
NO_FILE = ErrorCode("compose.no_file", "{file} not found", "The Compose file does not exist.")
NOT_A_MAPPING = ErrorCode(
    "compose.not_a_mapping",
    "{compose} renders it as {type}",
    "What Compose prints for the file is not a Compose file.",
)
NO_SERVICE = ErrorCode(
    "compose.no_service",
    "no service '{name}', which is {what}",
    "The Compose file has no service for a part of the topology.",
)
NO_IMAGE = ErrorCode(
    "compose.no_image",
    "it has no image",
    "An app of the topology has no image in the Compose file.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """A rendered Compose file: variables are filled in, paths are absolute."""

    path: Path
    _rendered: Mapping[str, Any]

    def image(self, service: str) -> str:
        """The name of the image that the file has for a service; empty if it has none."""
        return str(self._services[service].get("image") or "")

    def is_built(self, service: str) -> bool:
        """Whether the file says that the service's image is built (`build`)."""
        return bool(self._services[service].get("build"))

    def networks(self, service: str) -> frozenset[str]:
        """The networks that a service is on, by their names in the file."""
        return frozenset(self._services[service].get("networks") or ())

    def check(self, topology: Topology) -> None:
        """Raise SpecError, with every problem, if the file lacks a part of the topology or an app's
        image.
        """
        known = sorted(self._services)
        problems = [
            Problem(
                where=str(self.path),
                reason=NO_SERVICE(name=name, what=what),
                expected=f"one of the services in the file: {', '.join(known) or '(none)'}",
                fix=did_you_mean(name, known) or f"name {what} '{name}' there",
            )
            for name, what in _needed(topology).items()
            if name not in self._services
        ]
        problems += [
            Problem(
                where=f"{self.path}: services.{app}",
                reason=NO_IMAGE(),
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
        """The text of the Compose file that the lab runs: this file without its fixed names.

        `ports` maps a service to its published ports, {port in the container: port on loopback};
        they replace the ports of the file. `labels` maps the name of a service, network or volume
        to the labels that are added.
        """
        copy = {key: value for key, value in self._rendered.items() if key != "name"}
        copy["services"] = {
            name: {
                **{key: value for key, value in declared.items() if key != "container_name"},
                "labels": _labels(declared.get("labels")) | dict(labels[name]),
                "ports": [f"{HOST}:{out}:{into}" for into, out in ports.get(name, {}).items()],
            }
            for name, declared in self._services.items()
        }
        for kind in ("networks", "volumes"):
            if kind in copy:
                copy[kind] = {
                    name: _own(declared or {}, labels.get(name, {}))
                    for name, declared in (copy[kind] or {}).items()
                }
        return yaml.safe_dump(copy, sort_keys=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of every service, network and volume in the file."""
        kinds = ("services", "networks", "volumes")
        return tuple(name for kind in kinds for name in self._rendered.get(kind) or {})

    @property
    def _services(self) -> Mapping[str, Mapping[str, Any]]:
        services: Mapping[str, Mapping[str, Any]] = self._rendered.get("services") or {}
        return services


def beside(topology: Topology) -> Path:
    """The Compose file beside the topology file. Raises RuntimeUnavailable if there is none."""
    path = Path(topology.source or "chaoslab.toml").absolute().with_name(FILE)
    if not path.is_file():
        fix = (
            f"--chaos-runtime=compose runs the stack of the {FILE} beside the topology file; "
            "write one, or run the same scenarios without: --chaos-runtime=docker"
        )
        raise RuntimeUnavailable(Problem(reason=NO_FILE(file=str(path)), fix=fix))
    return path


def read(compose: Compose, path: Path) -> ComposeFile:
    """Read a Compose file as Compose renders it, and return it.

    Raises ServiceFailed, with Compose's last lines, if Compose refuses the file; RuntimeUnavailable
    if the output is not a Compose file.
    """
    text = compose.output_of("-f", str(path), "config", folder=path.parent)
    rendered = yaml.safe_load(text)
    if not isinstance(rendered, dict):
        reason = NOT_A_MAPPING(compose=str(compose), type=type(rendered).__name__)
        raise RuntimeUnavailable(Problem(where=str(path), reason=reason))
    return ComposeFile(path=path, _rendered=rendered)


def _needed(topology: Topology) -> dict[str, str]:
    parts = {PROXY_NAME: "the Toxiproxy that carries every link"}
    parts |= {name: f"a {service.kind} of the topology" for name, service in
              topology.services.items()}  # fmt: skip
    return parts | dict.fromkeys(topology.apps, "an app of the topology")


def _labels(declared: object) -> dict[str, str]:
    if isinstance(declared, Mapping):
        return {str(key): str(value) for key, value in declared.items()}
    pairs = [str(each).partition("=") for each in declared] if isinstance(declared, list) else []
    return {key: value for key, _, value in pairs}


def _own(declared: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The entry of a network or volume for the copy: without its fixed name, and with `labels`
    added. An external one is unchanged.
    """
    if declared.get("external"):
        return dict(declared)
    kept = {key: value for key, value in declared.items() if key != "name"}
    return kept | {"labels": _labels(declared.get("labels")) | dict(labels)}
