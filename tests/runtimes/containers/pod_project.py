"""A stranger's project whose scenarios run in containers, and its pytest in mid-scenario."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_here import engine, images, things_of
from plugin.project import APP, LONG, Project
from rigs import mid_scenario as mid_scenarios
from rigs.mid_scenario import killed_at_the_end

from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers.images import uses
from chaoslab.runtimes.containers.sweeper import Thing

PATIENCE_S = 60.0  # a stack on a busy machine takes its time
_RUN = "import base64, sys; exec(base64.b64decode(sys.argv.pop(1)))"


def topology(kind: str) -> str:
    """One Redis and one of the tiny apps, in the images of these tests."""
    used = uses(images())
    parts = ['version = 1\nname = "tiny"\n[services.redis]\nkind = "redis"\n[images]\n']
    parts += [f'{name} = "{image}"\n' for name, image in used.items()]
    code = base64.b64encode(APP.read_bytes()).decode()
    words = ["{python}", "-c", _RUN, code, kind, "{port}", "{redis.port}", "{host}"]
    parts.append(
        f"[apps.{kind}]\ncommand = {json.dumps([*words, '{redis.host}'])}\n"
        'links = ["redis"]\n'
        "deadlines = { startup_s = 5.0, degraded_s = 3.0, recovery_s = 5.0 }\n"
        f'container = {{ image = "{used["python"]}" }}\n'
    )
    return "".join(parts)


def project(folder: Path, scenarios: str, kind: str = "good") -> Project:
    """Scenarios in a folder of their own."""
    return Project(folder, scenarios, topology(kind))


def start(given: Project, *words: str, **env: str) -> subprocess.Popen[str]:
    """Its pytest, with the images of the topology, whatever the environment says."""
    # docker-py 7 does not close a socket that finds no engine; that is not what is tried here.
    words = ("-W", "ignore:unclosed:ResourceWarning", *words)
    plain = {name: "" for name in os.environ if name.startswith("CHAOSLAB_IMAGE_")}
    return given.start("pytest", "-q", "--chaos-runtime=docker", *words, **plain, **env)


def run(given: Project, *words: str, **env: str) -> tuple[int, str]:
    """Its pytest's exit code and all of its output."""
    with killed_at_the_end(start(given, *words, **env)) as process:
        said, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def made_by(pid: int) -> list[Thing]:
    """Everything in the engine that that process has made."""
    return things_of(f"{labels.PID}={pid}")


def containers_of(pid: int, role: str) -> list[str]:
    """The containers that that process runs in that role."""
    return [
        each.id
        for each in made_by(pid)
        if each.kind == "container" and each.labels[labels.ROLE] == role
    ]


def kill(container: str) -> None:
    """As `docker kill` does."""
    status, said = engine().call("POST", f"/containers/{container}/kill")
    assert status == 204, said


class MidScenario(mid_scenarios.MidScenario):
    """A pytest with a fault in force and its app degraded, all in containers."""

    def ended(self) -> str:
        """Its output until its end."""
        return self.process.communicate(timeout=PATIENCE_S)[0]


@contextmanager
def mid_scenario(folder: Path, scenarios: str = LONG, **env: str) -> Iterator[MidScenario]:
    """A pytest in mid-scenario, which does not outlive the block."""
    given = project(folder, scenarios)
    with killed_at_the_end(start(given, **env)) as process:
        yield MidScenario(given, process, within_s=PATIENCE_S)
