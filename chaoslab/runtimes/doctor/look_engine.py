"""Checks the container engine and its images, without docker-py, which may be missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from chaoslab.agent import build_context
from chaoslab.errors import Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.model.topology import Topology
from chaoslab.runtimes.containers.address import EngineAddress, engine_address
from chaoslab.runtimes.containers.engine_problems import (
    NOT_FOUND,
    NOT_LISTENING,
    UNREACHABLE,
    no_engine,
)
from chaoslab.runtimes.containers.images import AGENT, chosen, uses
from chaoslab.runtimes.containers.sweeper import Engine, EngineError
from chaoslab.runtimes.doctor.machine import ImageSeen, Part

NAME = "Docker engine"
_STAND_INS = "chaoslab-airgapped"
_PULL_LIMIT_S = 300.0
_SCRIPT = "docker/airgapped/engine.sh installs and starts Debian's engine, if permitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSeen:
    """The result of the engine's check: the engine, and the images that it has or lacks.

    There are no images if the engine does not answer.
    """

    engine: Part
    images: tuple[ImageSeen, ...] = ()


class EngineLook:
    """The check of the engine and images for a topology; every request takes at most `limit_s`.

    With `pull`, missing images are pulled, which may take longer.
    """

    def __init__(self, topology: Topology, *, limit_s: float, pull: bool) -> None:
        self._topology, self._limit_s, self._pull = topology, limit_s, pull

    def silent(self) -> EngineSeen:
        """The result to use if the check did not end in time: an engine that does not answer."""
        named = environment().get("DOCKER_HOST") or "the usual socket"
        problem = f"no answer from {named}"
        return EngineSeen(engine=Part(name=NAME, problem=problem, fix="correct DOCKER_HOST"))

    def look(self) -> EngineSeen:
        """Check the engine and each image. Returns the engine's version and storage, and whether it
        has each image.
        """
        try:
            address = engine_address()
        except RuntimeUnavailable as error:
            return EngineSeen(engine=_part(error.problems[0]))
        engine = Engine(address.url, certificates=address.certificates, timeout_s=self._limit_s)
        try:
            found = _described(engine, address)
            images = self._images(engine, address)
        except (EngineError, ValueError, KeyError) as error:
            return EngineSeen(engine=_part(no_engine(address, error)))
        return EngineSeen(engine=Part(name=NAME, found=found), images=images)

    def _images(self, engine: Engine, address: EngineAddress) -> tuple[ImageSeen, ...]:
        named = chosen(self._topology)
        stand_ins = _stand_ins(engine)
        seen = []
        kinds = {service.kind for service in self._topology.services.values()}
        for use, name in uses(named).items():
            if use in named.services and use not in kinds:
                continue
            here = _is_here(engine, name)
            answer = "" if here or not self._pull else _pulled(address, name)
            here = here or (self._pull and not answer)
            seen.append(
                ImageSeen(
                    use=use, name=name, answer=answer,
                    state="here" if here else "refused" if answer else "absent",
                    stand_in="" if here else stand_ins.get(use, ""),
                )
            )  # fmt: skip
        agent = f"{AGENT}:{build_context.content_hash()}"
        built = {"agent": (agent, named.python)}
        for app in self._topology.apps.values():
            if app.container is not None:
                build = app.container.build
                base = build.args.get("BASE", named.python) if build else ""
                built[f"app {app.name}"] = (app.container.image, base)
        for use, (name, base) in built.items():
            here = _is_here(engine, name)
            seen.append(
                ImageSeen(use=use, name=name, base=base, state="here" if here else "absent")
            )
        return tuple(seen)


def _part(problem: Problem) -> Part:
    fixes = problem.fix.split("; ")
    if problem.code in (NOT_FOUND.name, NOT_LISTENING.name, UNREACHABLE.name):
        fixes.append(_SCRIPT)
    where = f"{problem.where}: " if problem.where else ""
    return Part(name=NAME, problem=f"{where}{problem.what}", fix="\n".join(fixes))


def _described(engine: Engine, address: EngineAddress) -> str:
    version = json.loads(engine.read("/version"))
    info = json.loads(engine.read("/info"))
    return (
        f"{version['Version']} (API {version['ApiVersion']}, {info.get('Driver', '?')}, "
        f"cgroup v{info.get('CgroupVersion', '?')}, {version['Os']}/{version['Arch']}) "
        f"at {address.url} ({address.named_by})"
    )


def _is_here(engine: Engine, image: str) -> bool:
    status, _ = engine.call("GET", f"/images/{quote(image, safe='/:@')}/json")
    return status == 200


def _stand_ins(engine: Engine) -> dict[str, str]:
    # By their use: chaoslab-airgapped/<use>:<tag>.
    query = quote(json.dumps({"reference": [f"{_STAND_INS}/*"]}))
    listed = json.loads(engine.read(f"/images/json?filters={query}"))
    tags = [tag for image in listed for tag in image.get("RepoTags") or ()]
    return {tag.partition("/")[2].partition(":")[0]: tag for tag in tags}


def _pulled(address: EngineAddress, image: str) -> str:
    # Returns why it cannot be pulled, or the empty string.
    engine = Engine(address.url, certificates=address.certificates, timeout_s=_PULL_LIMIT_S)
    status, body = engine.call("POST", f"/images/create?fromImage={quote(image, safe='')}")
    last = body.decode(errors="replace").strip().splitlines()[-1:]
    try:
        answer = json.loads(last[0]) if last else {}
    except ValueError:
        answer = {}
    error = str(answer.get("error") or answer.get("message") or "")
    return error or (f"status {status}" if status != 200 else "")
