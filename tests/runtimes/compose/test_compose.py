"""`--chaos-runtime=compose`: on a copy of the file's stack, which leaves a user's own untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import yaml
from rigs import projects as scratch

from chaoslab import services
from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable, ServiceFailed, SpecError
from chaoslab.history.run_folder import RunFolder
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.actions import ConnectPhase
from chaoslab.model.loader import load_topology
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome
from chaoslab.report.runs import saved_verdicts
from chaoslab.runtimes.compose.file import FILE, ComposeFile
from chaoslab.runtimes.compose.session import ComposeSession
from chaoslab.runtimes.compose.stack import published
from chaoslab.runtimes.containers.runtime import ContainerRuntime

from .rig import (
    TOP,
    Project,
    blocking,
    closed,
    project,
    start_python,
    things_of,
    things_of_pid,
    until,
)

pytestmark = pytest.mark.slow

QUIET_S = 6.0
DROPPED = ConnectPhase(proxy="backend.redis", mode="dropped", established="hold")
# One that severs before the start, one that breaks a single link, one on a service itself.
THREE = (
    "scenarios/test_vpc_outage.py::test_severed_before_start[dropped]",
    "scenarios/test_vpc_outage.py::test_only_one_link_is_severed[redis]",
    "scenarios/test_vpc_outage.py::test_severed_twice",
)
# A lab in the middle of a scenario: a service frozen, another gone, a link severed, a database.
MID_LAB = """
import asyncio, sys
from pathlib import Path
from chaoslab.model.actions import ConnectPhase
from chaoslab.runtimes.compose.session import ComposeSession
from chaoslab.model.loader import load_topology
from chaoslab.services import kinds

async def main():
    topology = load_topology(Path(sys.argv[1]), kinds=kinds())
    async with ComposeSession(topology, "toxiproxy").lab() as runtime:
        services = {n: await runtime.start_service(s) for n, s in topology.services.items()}
        control = await runtime.start_proxy("toxiproxy", seed=1, log=Path("/dev/null"))
        await control.create("backend.redis", str(services["redis"].upstream))
        await control.apply(
            ConnectPhase(proxy="backend.redis", mode="dropped", established="hold")
        )
        await services["postgres"].pause()
        await services["redis"].kill()
        print("broken", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A user's folder whose stack runs, keys of theirs in two databases of its Redis."""
    with project(tmp_path_factory.mktemp("compose")) as made, made.stack():
        until("healthy", lambda: all_healthy(made))
        for database in ("0", "15"):
            made.redis("-n", database, "SET", "theirs", "1")
        yield made


def all_healthy(users: Project) -> bool:
    containers = users.seen()["containers"]
    assert isinstance(containers, dict)
    return all(each["state"]["Health"] == "healthy" for each in containers.values())


async def broken_link(runtime: ContainerRuntime, topology: Topology) -> str:
    """What a canary meets on a link that is severed; the proxies of the lab stay in place."""
    app, redis = topology.apps["backend"], topology.services["redis"]
    control = await runtime.start_proxy("toxiproxy", seed=1, log=Path("/dev/null"))
    try:
        running = await runtime.start_service(redis)
        port = await control.create("backend.redis", str(running.upstream))
        before = await runtime.ask(app, runtime.proxied(port), redis, within_s=2.0)
        await control.apply(DROPPED)
        after = await runtime.ask(app, runtime.proxied(port), redis, within_s=0.3)
    finally:
        await control.close()
    assert before is not None
    assert after is not None
    return f"{before.outcome}, {after.outcome}"


@pytest.mark.parametrize("command", ["docker compose", "docker-compose"])
async def test_a_copy_of_the_stack_is_started_and_removed(tmp_path: Path, command: str) -> None:
    """Under a name and on ports of its own; whatever it is made of has the session's label."""
    with project(tmp_path, command) as made:
        session = made.session()
        with closed(session):
            async with session.lab() as runtime:
                assert await broken_link(runtime, made.topology) == "answered, connect_timeout"
                postgres = await runtime.start_service(made.topology.services["postgres"])
                with psycopg.connect(postgres.url(postgres.endpoint)) as connection:
                    connection.execute("CREATE TABLE threads (id text)")
                direct = Endpoint(host="postgres", port=5432)
                with pytest.raises(Exception, match="has no address in the network of the app"):
                    await runtime.ask(
                        made.topology.apps["backend"], direct, postgres.service, within_s=1.0
                    )
            there = things_of(session)
            label = "com.docker.compose.service"
            assert {each.labels[label] for each in there if label in each.labels} == {
                "postgres", "redis", "toxiproxy",
            }  # fmt: skip
            assert sum(each.kind == "network" for each in there) == 2
        assert made.things() == []


def test_scenarios_pass_beside_a_stack_that_runs_and_leave_it_as_it_was(
    users: Project, tmp_path: Path
) -> None:
    """On a copy of its own; the user's stack is not touched."""
    before = users.seen()
    _, printed = scratch.Project(TOP).pytest(
        *THREE, "-q", "-p", "no:cacheprovider",
        "--chaos-runtime=compose", f"--chaos-topology={users.folder / 'chaoslab.toml'}",
        f"--chaos-results={tmp_path}",
    )  # fmt: skip
    assert "3 passed" in printed, printed
    assert users.seen() == before


COST = """
from chaoslab import Severed, expect, when
from chaoslab.faults import AtMessage

async def test_cost(chaos):
    await chaos.run(
        Severed(
            name="cut", target="backend.redis", mode="refused",
            start=when.healthy(2.0), stop=when.in_force("cut", 3.0),
        ),
        expect=[expect.Starts(), expect.BoundedCost()],
    )

async def test_commit(chaos):
    await chaos.run(
        AtMessage(
            target="backend.postgres", message="COMMIT",
            start=when.healthy(), stop=when.healthy(after_s=1.0),
        ),
        expect=[expect.Starts()],
    )
"""


def test_costs_are_counted_but_on_links_and_a_fault_at_a_message_is_skipped(
    users: Project, tmp_path: Path
) -> None:
    """The stack's Toxiproxy neither counts traffic nor reads messages: nothing is claimed of it."""
    files = {"test_cost.py": COST, "pytest.ini": "[pytest]\nasyncio_mode = auto\n"}
    code, printed = scratch.Project(tmp_path, files).pytest(
        "-q", "-rs", "-p", "no:cacheprovider", "--chaos-runtime=compose",
        f"--chaos-topology={users.folder / 'chaoslab.toml'}",
        f"--chaos-results={tmp_path / 'runs'}",
    )  # fmt: skip
    assert (code, "1 passed, 1 skipped" in printed) == (0, True), printed
    assert "does not read the messages of a protocol" in printed
    (saved,) = tmp_path.glob("runs/*/*/verdicts.json")
    verdicts = saved_verdicts(RunFolder(saved.parent)) or ()
    (cost,) = (each for each in verdicts if each.name == "bounded_cost")
    assert cost.outcome is Outcome.PASS, cost.texts
    codes = [reason.code for reason in cost.because]
    assert {"cost.memory", "cost.processor", "cost.log_lines", "cost.log_bytes"} <= {*codes}
    services = {r.data["service"] for r in cost.because if r.code == "cost.commands"}
    assert services == {"postgres", "redis"}
    assert "cost.sent" not in codes
    assert "on a link" not in cost.claim


async def test_services_are_broken_and_the_next_lab_finds_them_running(users: Project) -> None:
    """Refused while down and silent while frozen, by name; a user's own stack is not touched."""
    before, session, topology = users.seen(), users.session(), users.topology
    with closed(session):
        async with session.lab() as runtime:
            redis = await runtime.start_service(topology.services["redis"])
            postgres = await runtime.start_service(topology.services["postgres"])
            await postgres.stop()
            assert (await postgres.ask(within_s=2.0)).outcome == "refused"
            await postgres.start()
            assert (await postgres.ask(within_s=2.0)).outcome == "answered"
            await postgres.kill()
            assert (await postgres.ask(within_s=2.0)).outcome == "refused"
            await postgres.start()
            await redis.pause()
            assert (await redis.ask(within_s=0.3)).outcome == "silent"
            await redis.resume()
            assert (await redis.ask(within_s=2.0)).outcome == "answered"
            await redis.pause()
        async with session.lab() as runtime:
            redis = await runtime.start_service(topology.services["redis"])
            assert (await redis.ask(within_s=2.0)).outcome == "answered"
        assert users.seen() == before


def test_a_killed_lab_leaves_nothing_and_a_users_stack_as_it_was(users: Project) -> None:
    """Frozen, killed, severed and filled in the middle of a scenario; then SIGKILL."""
    before = users.seen()
    with start_python(MID_LAB, str(users.folder / "chaoslab.toml"), env=users.env) as lab:
        assert lab.stdout is not None
        said = lab.stdout.readline()
        there = things_of_pid(lab.pid)
        lab.kill()
    assert said == "broken\n"
    assert {each.kind for each in there} >= {"container", "network"}
    until("nothing of the lab", lambda: things_of_pid(lab.pid) == [])
    assert users.seen() == before


def test_a_lab_that_is_killed_while_it_starts_its_stack_leaves_nothing(tmp_path: Path) -> None:
    """Compose ends with the lab, and what it has made goes too."""
    with project(tmp_path) as made:
        with start_python(MID_LAB, str(made.folder / "chaoslab.toml"), env=made.env) as lab:
            until("a first network", lambda: bool(things_of_pid(lab.pid)))
            lab.kill()
        # Longer than a whole start takes: what comes late must go as well, and stay away.
        quiet_since_s = now_s()

        def quiet() -> bool:
            nonlocal quiet_since_s
            if things_of_pid(lab.pid):
                quiet_since_s = now_s()
            return now_s() - quiet_since_s > QUIET_S

        until(f"nothing of the lab for {QUIET_S:g} s", quiet)


def unhealthy(text: str) -> str:
    check = '["CMD", "redis-cli", "ping"]\n      interval: 1s\n      timeout: 3s\n      retries: 60'
    sick = '["CMD-SHELL", "echo sick; exit 1"]\n      interval: 1s\n      retries: 2'
    assert check in text
    return text.replace(check, sick)


def ends_at_once(text: str) -> str:
    return text.replace('"--appendonly", "yes"]', '"--no-such-setting", "1"]')


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (
            unhealthy,
            ("redis of the Compose stack: it is unhealthy", "sick", "  | ", "Ready to accept"),
        ),
        (ends_at_once, ("redis of the Compose stack", "exited with status 1", "  | ", "no-such")),
    ],
    ids=["unhealthy", "ends at once"],
)
def test_a_service_that_does_not_become_healthy_is_reported_with_its_log(
    tmp_path: Path, change: Callable[[str], str], reasons: tuple[str, ...]
) -> None:
    """The output of its health check, its last log lines, and nothing is left."""
    with project(tmp_path, change=change) as made:
        session = made.session()
        with closed(session), pytest.raises(ServiceFailed) as failed:
            blocking(session)
        assert [reason for reason in reasons if reason not in str(failed.value)] == []
        assert made.things() == []


def test_a_missing_compose_is_reported_with_how_to_get_one(
    users: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first scenario, with the other way to run them."""
    monkeypatch.delenv("CHAOSLAB_COMPOSE")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailable) as lacking:
        users.session().check()
    assert "Compose not found" in str(lacking.value)
    assert "docker/airgapped/compose.sh" in str(lacking.value)
    assert "--chaos-runtime=docker" in str(lacking.value)


def test_a_missing_compose_file_is_reported_with_its_expected_place(tmp_path: Path) -> None:
    """Beside the topology file, by its one name."""
    source = tmp_path / "chaoslab.toml"
    session = ComposeSession(
        Topology(name="bare", services={}, apps={}, source=str(source)), "toxiproxy"
    )
    with pytest.raises(RuntimeUnavailable, match=f"{tmp_path / FILE} not found"):
        session._read()


def test_a_service_that_the_file_has_not_is_the_users_mistake(users: Project) -> None:
    """Where, what, and the names that the file has."""
    services = users.topology.services
    topology = replace(users.topology, services={**services, "rediss": services["redis"]})
    with pytest.raises(SpecError) as mistake:
        ComposeSession(topology, "toxiproxy").check()
    assert "no service 'rediss'" in str(mistake.value)
    assert "did you mean 'redis'?" in str(mistake.value)


def test_our_own_engine_is_no_proxy_of_a_compose_stack(users: Project) -> None:
    """It is the stack's Toxiproxy that is tested with."""
    with pytest.raises(SpecError, match="--chaos-proxy=embedded"):
        ComposeSession(users.topology, "embedded").check()


RENDERED = """
name: shop
services:
  postgres:
    image: postgres:16-alpine
    container_name: the-one
    labels: [theirs=1]
    ports:
    - 127.0.0.1:5432:5432/tcp
    networks: {back: null}
    volumes: ["data:/var/lib/postgresql/data"]
  backend: {build: {context: /shop}, networks: {front: null}}
networks:
  front: {name: shop_front}
  back: {name: elsewhere, external: true}
volumes:
  data: {name: precious}
"""


def test_the_copy_that_is_started_shares_nothing_with_the_users_own_stack() -> None:
    """No fixed name, no fixed port, no volume of theirs; only what is external stays so."""
    file = ComposeFile(path=Path("/shop") / FILE, _rendered=yaml.safe_load(RENDERED))
    labels = {name: {"ours": name} for name in file.names}
    copy = yaml.safe_load(file.copy(ports={"postgres": {5432: 10_999}}, labels=labels))
    assert "name" not in copy
    postgres = copy["services"]["postgres"]
    assert "container_name" not in postgres
    assert postgres["ports"] == ["127.0.0.1:10999:5432"]
    assert postgres["labels"] == {"theirs": "1", "ours": "postgres"}
    assert copy["networks"]["front"] == {"labels": {"ours": "front"}}
    assert copy["networks"]["back"] == {"name": "elsewhere", "external": True}
    assert copy["volumes"]["data"] == {"labels": {"ours": "data"}}


def test_all_that_a_file_lacks_is_reported_at_once() -> None:
    """Every missing service, and the app's missing image."""
    file = ComposeFile(path=Path("/shop") / FILE, _rendered=yaml.safe_load(RENDERED))
    topology = load_topology(TOP / "chaoslab.toml", kinds=services.kinds())
    with pytest.raises(SpecError) as mistake:
        file.check(topology)
    said = str(mistake.value)
    assert "no service 'toxiproxy'" in said
    assert "no service 'redis'" in said
    assert "services.backend: it has no image" in said


@pytest.mark.parametrize(
    ("asked", "bound", "port"),
    [
        ("15432", [("127.0.0.1", "15432")], 15_432),
        ("15432", [("0.0.0.0", "15432"), ("::", "15432")], 15_432),
        ("15432", [("192.0.2.7", "15432")], None),
        ("", [("127.0.0.1", "32768")], None),
        ("15432", [], None),
    ],
    ids=["loopback", "everywhere", "another address", "of the engine's choice", "nowhere"],
)
def test_a_service_is_reached_on_a_fixed_port_of_loopback_or_not_at_all(
    asked: str, bound: list[tuple[str, str]], port: int | None
) -> None:
    """One that the engine chose would be another after the fault that restarts the service."""
    ports = {"5432/tcp": [{"HostIp": ip, "HostPort": number} for ip, number in bound]}
    container = SimpleNamespace(
        attrs={
            "HostConfig": {"PortBindings": {"5432/tcp": [{"HostIp": "", "HostPort": asked}]}},
            "NetworkSettings": {"Ports": ports},
        }
    )
    if port is not None:
        assert published("postgres", container, 5432) == port
        return
    with pytest.raises(RuntimeUnavailable, match=r'add `ports: \["127.0.0.1:5432:5432"\]`'):
        published("postgres", container, 5432)
