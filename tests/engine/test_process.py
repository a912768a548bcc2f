"""The engine as a process: when it is ready, how it ends, and what its seed determines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaoslab.engine.address import ListenAddress
from chaoslab.engine.chaoslab_api import ChaoslabApi
from chaoslab.engine.connection_log import ConnectionLog
from chaoslab.engine.http_messages import Request
from chaoslab.engine.listener import ConnectMode
from chaoslab.engine.poller import Poller
from chaoslab.engine.proxy import Connect
from chaoslab.engine.proxy import Engine as EngineParts
from chaoslab.engine.proxy import Proxy as InnerProxy
from chaoslab.engine.proxy_collection import ProxyCollection
from chaoslab.engine.wire import ApiError

from .rig import PATIENCE_S, Address, Engine, read_exactly, running_engine, until, upstream

COMMAND = [sys.executable, "-m", "chaoslab.engine", "--host", "127.0.0.1"]


def test_one_line_of_json_has_the_address() -> None:
    """The line is complete JSON with address and pid; from then on the API answers."""
    with running_engine() as engine:
        about = httpx.get(f"{engine.url}/chaoslab", trust_env=False).json()
        assert about["pid"] == engine.process.pid
        assert about["engine"] == "chaoslab"
        assert {"connect.refused", "silence", "triggers", "connections"} <= set(
            about["capabilities"]
        )
        assert ("connect.dropped" in about["capabilities"]) != ("unsupported" in about)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(signum: signal.Signals) -> None:
    """Exit status 0, nothing on stderr, with connections open."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())["listening"]
        httpx.get(f"http://{listening}/proxies", trust_env=False)
        process.send_signal(signum)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (0, "")


def test_it_ends_when_its_stdin_ends(echo_server: Address) -> None:
    """With --until-eof; its connections end too."""
    with running_engine() as engine:
        client = engine.proxy(echo_server).dial()
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        assert engine.process.stdin is not None
        engine.process.stdin.close()
        assert client.recv(1) == b""
        client.close()
        assert engine.process.wait(PATIENCE_S) == 0


def test_a_taken_port_is_an_error_with_its_fix() -> None:
    """Exit status 1 without a traceback; the text has the address and the fix."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_out_of_range_is_refused() -> None:
    """Without the check it would listen on another port, the number modulo 65536."""
    done = subprocess.run(
        [*COMMAND, "--port", "99999"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "expected 0 to 65535, got 99999" in done.stderr


def test_a_command_line_of_toxiproxys_server_works() -> None:
    """Flags with one dash, values after `=`, and metrics."""
    command = [sys.executable, "-m", "chaoslab.engine", "-host=127.0.0.1", "-port", "0"]
    with subprocess.Popen(
        [*command, "-seed=3", "-proxy-metrics", "-runtime-metrics"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())["listening"]
        assert httpx.get(f"http://{listening}/chaoslab", trust_env=False).json()["seed"] == 3
        process.terminate()


def test_a_config_file_populates_before_the_line_is_printed(tmp_path: Path) -> None:
    """Proxies with toxics exist from the first request on."""
    config = tmp_path / "proxies.json"
    entry = {"name": "db", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
    config.write_text(json.dumps([{**entry, "toxics": [{"type": "latency"}]}]))
    with running_engine("--config", str(config)) as engine:
        shown = engine.call("GET", "/proxies/db")
        assert [toxic["name"] for toxic in shown["toxics"]] == ["latency_downstream"]


def test_a_wrong_config_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    """Exit status 1 without a traceback."""
    config = tmp_path / "proxies.json"
    config.write_text('[{"name": "db"}]')
    done = subprocess.run(
        [*COMMAND, "--port", "0", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert f"--config {config}: missing required field: upstream at proxy 1" in done.stderr


def affected_by(engine: Engine, address: Address, toxicity: float, connections: int) -> list[bool]:
    """Which of `count` connections, one after the other, a toxic applies to."""
    proxy = engine.proxy(address)
    proxy.toxic("noop", "upstream", name="n", toxicity=toxicity)
    for _ in range(connections):
        with proxy.dial() as client:
            client.sendall(b"x")
            assert read_exactly(client, 1) == b"x"
    until(lambda: proxy.show()["connections_open"] == 0, "all have ended")
    return [bool(record["met"]) for record in proxy.log()]


def test_the_same_seed_draws_the_same_toxicity(echo_server: Address) -> None:
    """Two engines with one seed affect the same connections, another seed affects others."""

    def rolls(seed: str) -> list[bool]:
        with running_engine("--seed", seed) as engine:
            return affected_by(engine, echo_server, 0.5, 40)

    first = rolls("11")
    assert rolls("11") == first
    assert rolls("12") != first
    # 40 fair draws: fewer than 7 or more than 33 happen once in 200,000 seeds.
    assert 7 <= sum(first) <= 33


@pytest.mark.parametrize(("toxicity", "expected"), [(0.0, False), (1.0, True)])
def test_toxicity_0_never_acts_and_1_always(
    engine: Engine, echo_server: Address, toxicity: float, expected: bool
) -> None:
    """Both are exact."""
    assert affected_by(engine, echo_server, toxicity, 10) == [expected] * 10


def test_a_change_of_another_toxic_does_not_draw_again(
    engine: Engine, echo_server: Address
) -> None:
    """A connection to which a toxic did not apply stays so when another toxic changes."""
    proxy = engine.proxy(echo_server)
    proxy.toxic("noop", "upstream", name="half", toxicity=0.5)
    clients = [proxy.dial() for _ in range(20)]

    def meet() -> list[bool]:
        for client in clients:
            client.sendall(b"x")
            assert read_exactly(client, 1) == b"x"
        return [any(m["name"] == "half" for m in r["met"]) for r in proxy.log()]

    first = meet()
    assert True in first
    assert False in first
    for latency in range(5):
        name = proxy.toxic("latency", "upstream", name="neighbour", latency=1)
        proxy.change(name, attributes={"latency": latency})
        assert meet() == first
        proxy.remove(name)
    assert meet() == first
    for client in clients:
        client.close()


def test_toxics_given_at_creation_apply_to_the_very_first_connection(
    engine: Engine, echo_server: Address
) -> None:
    """They are in force before the port opens."""
    toxics: list[dict[str, Any]] = [{"type": "latency", "attributes": {"latency": 120}}]
    proxy = engine.proxy(echo_server, toxics=toxics)
    with proxy.dial() as client:
        begun = time.monotonic()
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        assert time.monotonic() - begun >= 0.12


def test_two_thousand_connections_at_once_are_all_served(engine: Engine) -> None:
    """Each gets its own answer; afterwards none is open."""
    count = 2000

    def serve(sock: socket.socket) -> None:
        sock.sendall(sock.recv(64))
        sock.recv(1)

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        clients = [proxy.dial() for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(b"%04d" % number)
        for number, client in enumerate(clients):
            assert read_exactly(client, 4) == b"%04d" % number
        assert proxy.show()["connections_open"] == count
        for client in clients:
            client.close()
        until(lambda: proxy.show()["connections_open"] == 0, "all have ended")


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_it_goes_on_and_does_not_spin(echo_server: Address) -> None:
    """Clients wait or are closed; when there are descriptors again, it serves again."""
    with running_engine(descriptors=48) as engine:
        proxy = engine.proxy(echo_server)
        crowd = [proxy.dial() for _ in range(60)]
        begun, used = time.monotonic(), cpu_s(engine.process.pid)
        time.sleep(1.0)
        share = (cpu_s(engine.process.pid) - used) / (time.monotonic() - begun)
        assert share < 0.5, "it spins"  # a loop that spins takes a whole core
        for client in crowd:
            client.close()

        def served() -> bool:
            with contextlib.suppress(OSError), proxy.dial() as client:
                client.sendall(b"x")
                return read_exactly(client, 1) == b"x"
            return False

        until(served, "it serves again")


async def test_unsupported_drops_are_refused_with_the_reason() -> None:
    """501, the capability is absent, and the mode does not change."""
    poller = Poller(print)
    engine = EngineParts(
        loop=asyncio.get_running_loop(),
        poller=poller,
        log=ConnectionLog(),
        seed=1,
        dropped_unsupported="the moon is full",
    )
    proxy = InnerProxy(engine, "p", ListenAddress("127.0.0.1:0", "127.0.0.1"), "127.0.0.1:1")
    proxy.start()
    with pytest.raises(ApiError, match="unsupported: the moon is full") as caught:
        proxy.set_connect(Connect(mode=ConnectMode.DROPPED))
    assert caught.value.status == 501
    assert proxy.connect.mode is ConnectMode.ACCEPT
    request = Request(method="GET", path="/chaoslab", query="", headers={}, body=b"")
    about = json.loads((await ChaoslabApi(ProxyCollection(engine)).about(request, {})).body)
    assert "connect.dropped" not in about["capabilities"]
    assert about["unsupported"] == {"connect.dropped": "the moon is full"}
    proxy.stop()
    poller.close()


def test_the_log_is_live_and_since_filters_it(engine: Engine, echo_server: Address) -> None:
    """Bytes are counted while the connection is open; `since` leaves out older ids."""
    proxy = engine.proxy(echo_server)
    with proxy.dial() as first:
        first.sendall(b"12345")
        assert read_exactly(first, 5) == b"12345"
        (record,) = proxy.log()
        assert (record["bytes_upstream"], record["bytes_downstream"]) == (5, 5)
        assert (record["closed_s"], record["end"]) == (None, None)
        host, port = first.getsockname()
        assert record["client"] == f"{host}:{port}"
        with proxy.dial() as second:
            second.sendall(b"1")
            assert read_exactly(second, 1) == b"1"
            path = f"/chaoslab/connections?proxy={proxy.name}&since={record['id']}"
            (newer,) = engine.call("GET", path)["connections"]
            assert newer["id"] > record["id"]
    engine.call("GET", "/chaoslab/connections?since=x", expect=400)


def test_metrics_count_bytes_of_connections_that_are_still_open(
    engine: Engine, echo_server: Address
) -> None:
    """With the names and labels of Toxiproxy's counters."""
    proxy = engine.proxy(echo_server)
    with proxy.dial() as client:
        client.sendall(b"12345")
        assert read_exactly(client, 5) == b"12345"
        text = engine.http.get("/metrics").text
    labels = f'direction="upstream",listener="127.0.0.1:{proxy.address[1]}",proxy="{proxy.name}"'
    for metric in ("received_bytes_total", "sent_bytes_total"):
        (line,) = [
            x for x in text.splitlines() if x.startswith(f"toxiproxy_proxy_{metric}{{{labels}")
        ]
        assert line.endswith(" 5")
