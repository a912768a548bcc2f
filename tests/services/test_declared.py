"""Servers that the topology declares itself: which declarations are valid, how each is started."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from chaoslab.errors import RuntimeUnavailable, SpecError
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.process import is_frozen
from chaoslab.model.loader import read_topology
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import kind_of, kinds, question_of

SERVER = """
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"PONG\\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
CHARGE = {"/charge": {"status": 201, "body": "{}", "content_type": "text/plain", "delay_s": 0.0}}


def problems_of(folder: Path, lines: str) -> list[str]:
    """The problems of a topology with this service."""
    path = folder / "chaoslab.toml"
    path.write_text(
        f'version = 1\n[services.one]\n{lines}\n[apps.web]\ncommand = ["a"]\nlinks = ["one"]\n'
    )
    try:
        read_topology(path, kinds=kinds())
    except SpecError as error:
        return [str(each).replace(f"{path}: ", "") for each in error.problems]
    return []


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('kind = "tpc"', "services.one.kind: got 'tpc' (a string)\n  expected one of: postgres,"),
        ('kind = "tcp"', "services.one: neither a command nor an image\n  expected command, or"),
        ('kind = "tcp"\nimage = "nats:2.10"', "services.one: an image without its port\n"),
        ('kind = "tcp"\ncommand = ["nats"]', "services.one: the command does not get its port"),
        ('kind = "tcp"\ncommand = ["{prot}"]', "services.one: unknown placeholder '{prot}'"),
        (
            'kind = "tcp"\ncommand = ["a", "{port}"]\nquestion = "PING"',
            "services.one: a question without an answer",
        ),
        ('kind = "postgres"\nport = 5432', "services.one.port: unknown key 'port'"),
        ('kind = "http"', "services.one: nothing to start or reach\n  expected one of: command"),
        (
            'kind = "http"\nurl = "http://a:1"\nanswers."/x".status = 200',
            "services.one: more than one of them",
        ),
        ('kind = "http"\nurl = "https://a"', "services.one.url: got 'https://a' (a string)"),
        ('kind = "http"\nanswers."/".delay_s = 0.2', "services.one: ready_path / is answered late"),
        ('kind = "http"\nanswers."/".status = 503', "services.one: ready_path / is answered late"),
        (
            'kind = "http"\nanswers."/x".stauts = 200',
            "services.one.answers.\"/x\".stauts: unknown key 'stauts'\n  expected one of: status,",
        ),
    ],
)
def test_a_wrong_declaration_is_reported_with_its_place(
    tmp_path: Path, lines: str, problem: str
) -> None:
    """With what was expected, and the fix if there is one."""
    (found,) = problems_of(tmp_path, lines)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "lines",
    [
        'kind = "tcp"\ncommand = ["a", "{port}"]\nimage = "nats:2.10"\nport = 4222',
        'kind = "tcp"\ncommand = ["a"]\nenv = { PORT = "{port}" }\nanswer = "INFO"',
        'kind = "http"\nurl = "http://payments.test:8080/v1"',
        'kind = "http"\nanswers."/x".delay_s = 3',
        'kind = "http"\nimage = "minio/minio:1"\nport = 9000\nimage_command = ["server"]',
    ],
)
def test_each_valid_declaration_is_accepted(tmp_path: Path, lines: str) -> None:
    """Each way to start or reach a service."""
    assert problems_of(tmp_path, lines) == []


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    """Never another kind in its place."""
    with pytest.raises(SpecError, match=r"unknown kind of service 'posgres'(.|\n)*postgres, redis"):
        kind_of("posgres")


def test_a_canary_asks_what_is_declared() -> None:
    """A banner counts as an answer. Without an answer the canary only connects."""
    command = ["a", "{port}"]
    silent = Service(name="one", kind="tcp", settings={"command": command})
    banner = Service(name="one", kind="tcp", settings={"command": command, "answer": "INFO"})
    asked = {"command": command, "answer": "PONG", "question": "PING\n"}
    assert question_of(silent) == Question(asked=b"", answered=False)
    assert question_of(banner) == Question(asked=b"", answered=True, server_first=True)
    assert question_of(Service(name="one", kind="tcp", settings=asked)).asked == b"PING\n"
    http = Service(name="one", kind="http", settings={"answers": CHARGE, "ready_path": "/live"})
    assert question_of(http).asked.startswith(b"GET /live HTTP/1.1\r\nHost: localhost\r\n")


@pytest.mark.parametrize("answer", ["", "PONG"])
async def test_a_command_is_started_stopped_paused_and_killed(tmp_path: Path, answer: str) -> None:
    """Always at the same port. A canary observes each state; silence only with an answer."""
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    settings: dict[str, object] = {"command": ["{python}", str(server), "{port}"]}
    if answer:
        settings |= {"question": "PING\n", "answer": answer}
    well = "answered" if answer else "accepted"
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(Service(name="one", kind="tcp", settings=settings))

        async def seen() -> str:
            return (await running.ask(within_s=0.5)).outcome

        assert running.url(running.endpoint) == f"tcp://{running.endpoint}"
        assert await seen() == well
        await running.stop()
        assert await seen() == "refused"
        await running.start()
        assert await seen() == well
        await running.pause()
        assert running.pid is not None
        assert is_frozen(running.pid), "no thread of it answers any more"
        assert await seen() == ("silent" if answer else "accepted")
        await running.resume()
        await running.kill()
        assert await seen() == "refused"


async def test_declared_answers_are_given_to_every_method() -> None:
    """Another path gets 404; the query is ignored."""
    service = Service(name="pay", kind="http", settings={"answers": CHARGE})
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(service)
        url = running.url(running.endpoint)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            posted = await client.post("/charge?id=1", content=b"x" * 10_000)
            assert (posted.status_code, posted.text) == (201, "{}")
            assert posted.headers["content-type"] == "text/plain"
            assert (await client.get("/charge")).status_code == 201
            assert (await client.get("/other")).status_code == 404
            head = await client.head("/charge")
            assert (head.status_code, head.content) == (201, b"")


async def test_a_service_that_runs_already_is_not_started_or_stopped() -> None:
    """The app's URL has its path. An address without an answer is an error."""
    service = Service(name="pay", kind="http", settings={"answers": CHARGE})
    async with LocalRuntime() as runtime:
        own = await runtime.start_service(service)
        url = f"http://{own.endpoint}/v1"
        there = await runtime.start_service(Service(name="x", kind="http", settings={"url": url}))
        proxied = Endpoint(host="127.0.0.1", port=4000)
        assert there.url(proxied) == "http://127.0.0.1:4000/v1"
        with pytest.raises(Exception, match="is external: the lab does not control it"):
            await there.stop()
        gone = Service(name="x", kind="http", settings={"url": "http://127.0.0.1:1"})
        with pytest.raises(RuntimeUnavailable, match=r"services\.x\.url: no answer at"):
            await runtime.start_service(gone)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("tcp", {"image": "nats:2.10", "port": 4222}), ("http", {"image": "nats:2.10", "port": 80})],
)
async def test_without_a_command_no_process_is_started(
    kind: str, settings: dict[str, object]
) -> None:
    """Never another program in its place."""
    async with LocalRuntime() as runtime:
        with pytest.raises(RuntimeUnavailable, match=r"it has no command(.|\n)*runtime=docker"):
            await runtime.start_service(Service(name="one", kind=kind, settings=settings))


def test_the_responder_gets_the_answers_as_declared() -> None:
    """In a container too; a brace in a body is not a placeholder."""
    container = kind_of("http").container
    assert container is not None
    command = container(Service(name="pay", kind="http", settings={"answers": CHARGE})).command
    assert command is not None
    assert json.loads(command[-1]) == CHARGE
