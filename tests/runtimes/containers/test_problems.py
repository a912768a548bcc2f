"""Bad luck with an engine comes out as a sentence with the fix, whatever a client threw."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.problems import problem

from chaoslab.errors import ChaoslabError, RuntimeUnavailable, ServiceFailed
from chaoslab.machine.places import NOBODY
from chaoslab.machine.ports import PortTaken
from chaoslab.runtimes.containers import problems
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine_problems import no_engine
from chaoslab.runtimes.containers.problems import EngineGone, NameTaken, engine_errors
from chaoslab.runtimes.containers.sweeper import Engine, EngineError

from .engine import IMAGE, Maker

docker = pytest.importorskip("docker", reason="needs the extra `containers`")
requests = pytest.importorskip("requests")


def refused(status: int, said: str, url: str = "http+docker://localhost/x") -> Exception:
    """The exception that docker-py makes of an engine's answer."""
    answer = requests.models.Response()
    answer.status_code, answer.url = status, url
    return docker.errors.APIError("refused", response=answer, explanation=said)


def come_out(error: BaseException, what: str = "service db", image: str = "") -> ChaoslabError:
    """What a block that raised `error` comes out as."""
    with pytest.raises(ChaoslabError) as raised, engine_errors(what, image=image):
        raise error
    assert raised.value.__cause__ is error
    return raised.value


def told_by_a_lab(url: str) -> str:
    """The output of a process that connects to that engine with docker-py, which leaks sockets."""
    code = (
        "import docker; from chaoslab.errors import RuntimeUnavailable\n"
        "from chaoslab.runtimes.containers.problems import engine_errors\n"
        "try:\n"
        "    with engine_errors('the engine'): docker.from_env()\n"
        "except RuntimeUnavailable as error: print(error)"
    )
    env = os.environ | {"DOCKER_HOST": url}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout


def test_a_missing_engine_is_reported_with_how_to_get_one(tmp_path: Path) -> None:
    """docker-py finds no socket: install, start, or go without."""
    text = told_by_a_lab(f"unix://{tmp_path}/absent.sock")
    assert text.startswith(f"the engine: no Docker engine: {tmp_path}/absent.sock not found")
    assert f"DOCKER_HOST=unix://{tmp_path}/absent.sock" in text
    assert "apt-get install -y docker.io" in text
    assert "--chaos-runtime=local" in text


def test_an_engine_that_does_not_run_is_to_be_started(tmp_path: Path) -> None:
    """The socket exists and nothing listens on it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "e.sock"))
    text = told_by_a_lab(f"unix://{tmp_path}/e.sock")
    assert "the engine: no Docker engine listens at unix://" in text
    assert "start it: " in text


def test_a_denied_permission_has_another_fix_than_a_missing_engine() -> None:
    """The fix is another one: to join the group that owns the socket."""
    address = engine_address(env={"DOCKER_HOST": "unix:///dev/null"})
    wrapped = docker.errors.DockerException("cannot connect")
    wrapped.__cause__ = PermissionError(13, "Permission denied")
    text = str(no_engine(address, wrapped))
    assert "has no permission to use the Docker engine at unix:///dev/null" in text
    assert "usermod -aG root" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_user_without_permission_for_the_socket_is_named() -> None:
    """The kernel's own refusal, through http.client and back."""
    path = f"/tmp/chaoslab-test-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        os.chmod(path, 0o660)
        sock.listen()
        try:
            child = os.fork()
            if child == 0:
                _exit_as_nobody(path)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        finally:
            os.unlink(path)


def _exit_as_nobody(path: str) -> None:
    # A child that returned would run the rest of the tests once more.
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os._exit(0 if "no permission to use" in _asked(path) else 1)
    finally:
        os._exit(2)


def _asked(path: str) -> str:
    address = engine_address(env={"DOCKER_HOST": f"unix://{path}"})
    try:
        Engine(address.url).read("/_ping")
    except EngineError as error:
        return str(no_engine(address, error))
    return "it answered"


def test_an_engine_that_stops_during_a_run_has_a_text_of_its_own() -> None:
    """A call, or a stream of it, that breaks off; `clean` is for later."""
    broken = requests.exceptions.ConnectionError("aborted")
    broken.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    for error in (broken, ConnectionResetError(104, "x"), requests.exceptions.ReadTimeout("slow")):
        told_as = come_out(error)
        assert isinstance(told_as, EngineGone)
        assert "service db: the Docker engine stopped answering during the run" in str(told_as)
        assert "chaoslab clean" in str(told_as)


@pytest.mark.parametrize(
    ("said", "why", "fix"),
    [
        (
            'Get "https://r.example/v2/": dial tcp: lookup r.example: no such host',
            "no registry is reachable",
            "docker save",
        ),
        (
            "pull access denied for db, repository does not exist or may require 'docker login'",
            "the registry denies access",
            "docker login",
        ),
        (
            "toomanyrequests: You have reached your limit",
            "the registry denies access",
            "docker login",
        ),
        ("manifest for postgres:99 not found: manifest unknown", "no registry has it", "tag"),
    ],
)
def test_an_image_that_cannot_be_pulled_is_reported_with_every_fix(
    said: str, why: str, fix: str
) -> None:
    """Unreachable, refused and unknown differ; all texts name the variable and the script."""
    url = "http+docker://localhost/v1.41/images/create?tag=99&fromImage=postgres"
    text = str(come_out(refused(500, said, url)))
    assert text.startswith("service db: image postgres:99 is not on this machine and cannot be")
    assert why in text
    assert fix in text
    assert "CHAOSLAB_IMAGE_POSTGRES" in text
    assert "docker/airgapped/images.sh" in text


def test_the_variable_is_known_by_what_the_image_is_for() -> None:
    """An image with a name of its own is still the service's."""
    lacks = problems.not_pulled("container redis", "registry.example/cache:1", "no such host")
    assert "CHAOSLAB_IMAGE_REDIS" in str(lacks)
    assert "[images]" in str(problems.not_pulled("app web", "web:1", "no such host"))


def test_a_full_engine_is_reported_with_what_frees_space() -> None:
    """Neither disk nor addresses are the scenario's fault."""
    subnets = "could not find an available, non-overlapping IPv4 address pool"
    assert "docker network prune" in str(come_out(refused(500, subnets)))
    assert "docker system df" in str(come_out(refused(500, "no space left on device")))


def test_any_other_refusal_is_quoted() -> None:
    """The engine's answer, on one line."""
    text = str(come_out(refused(500, "quite\n   new")))
    assert text.startswith("service db: the Docker engine refused: quite new\n")


def test_a_missing_package_says_how_to_install_it() -> None:
    """Only ours: another missing module is a bug and stays one."""
    text = str(come_out(ModuleNotFoundError("x", name="testcontainers.core")))
    assert "pip install 'chaoslab[containers]'" in text
    with pytest.raises(ModuleNotFoundError), engine_errors("x"):
        raise ModuleNotFoundError("x", name="another")


def test_errors_of_other_origin_pass_unchanged() -> None:
    """Our own errors keep their text, and a bug keeps its traceback."""
    ours = ServiceFailed(problem("as it was"))
    with pytest.raises(ServiceFailed) as raised, engine_errors("x"):
        raise ours
    assert raised.value is ours
    with pytest.raises(ZeroDivisionError), engine_errors("x"):
        raise ZeroDivisionError


def test_a_container_that_ended_shows_its_status_and_its_last_lines() -> None:
    """The status is explained where it has a meaning."""
    text = str(problems.exited("app web", exit_code=137, log=["one", "two"]))
    assert "exited with status 137 (SIGKILL" in text
    assert text.endswith("  | one\n  | two")
    starved = problems.exited("app web", exit_code=137, log=[], out_of_memory=True)
    assert "(it was out of memory)" in str(starved)
    assert str(starved).endswith("  | (nothing)")


def test_a_real_engine_is_understood(maker: Maker) -> None:
    """The same by the engine's own answers: names, ports, programs, ends."""
    client, said = docker.from_env(), maker.labels()
    name = f"chaoslab-{maker.session}"
    run = {"image": IMAGE, "labels": said, "network_mode": "none"}
    client.containers.create(**run, command=["true"], name=name)
    with (
        pytest.raises(NameTaken, match=f"a container named {name} already exists"),
        engine_errors("db"),
    ):
        client.containers.create(**run, name=name)
    with pytest.raises(ServiceFailed, match="program cannot be executed"), engine_errors("db"):
        client.containers.run(**run, command=["no-such-program"], detach=True)
    with pytest.raises(ServiceFailed, match="exited with status 3"), engine_errors("db"):
        client.containers.run(**run, command=["sh", "-c", "exit 3"])
    with (
        pytest.raises(ServiceFailed, match="it was removed while the lab ran"),
        engine_errors("db"),
    ):
        client.containers.get("nobody")
    with (
        pytest.raises(RuntimeUnavailable, match="image chaoslab-nobody:0 is not on"),
        engine_errors("db"),
    ):
        client.containers.create("chaoslab-nobody:0")
    network = maker.network(said)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"80/tcp": ("127.0.0.1", port)}
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port} is taken"), engine_errors("db"):
            client.containers.run(
                IMAGE, ["true"], labels=said, network=network, ports=ports, detach=True
            )
    client.close()


def test_a_real_build_that_fails_shows_its_last_lines(maker: Maker) -> None:
    """The command's output, not only its status."""
    client = docker.from_env()
    recipe = f"FROM {IMAGE}\nRUN echo out of ideas && false\n".encode()
    with pytest.raises(ServiceFailed) as raised, engine_errors("app web", image="web:1"):
        client.images.build(
            fileobj=io.BytesIO(recipe), rm=True, forcerm=True, network_mode="none",
            labels=maker.labels(),
        )  # fmt: skip
    assert "app web: image web:1 could not be built" in str(raised.value)
    assert "  | out of ideas" in str(raised.value)
    client.close()


def test_problems_cost_nothing_until_there_is_one() -> None:
    """docker-py and Testcontainers are loaded only where something of theirs went wrong."""
    code = (
        "import sys, chaoslab.runtimes.containers.problems\n"
        "assert not {'docker', 'testcontainers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
