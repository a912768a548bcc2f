"""What a person is shown of a lab that is held."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from rigs.cell_histories import topology

from chaoslab.lab.inside import Inside, ServiceInside
from chaoslab.matrix.paste import AN_ID, pasted
from chaoslab.model.mask import Mask
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import Service
from chaoslab.services import kind_of

HERE = Path("/home/me")
SECRET, TOKEN = "p@ss w0rd", "token-of-the-shop"
HELD = "postgresql://me:p%40ss%20w0rd@127.0.0.1:41/shop"
LAST = "--no-auth-warning"
PLAIN = "postgresql://chaoslab:chaoslab@127.0.0.1:42/chaoslab"


def inside(*services: ServiceInside, **changed: object) -> Inside:
    web = topology().apps["web"]
    health = replace(web.health, headers={"Authorization": TOKEN})
    requests = {
        "order": RequestContract(
            name="order",
            kind="write",
            method="POST",
            path="/orders",
            body={"id": "{id}", "note": "it's"},
        ),
        "read": RequestContract(name="read", kind="read", path="/orders/{id}", of="order"),
        "drop": RequestContract(name="drop", kind="page", method="DELETE", path="/orders"),
        "list": RequestContract(name="list", kind="page", path="/list"),
    }
    found = Inside(
        app=replace(web, health=health, requests=requests),
        ports={"": "127.0.0.1:40"},
        services=services,
        api="http://127.0.0.1:39",
        log=HERE / "run" / "app-web.log",
        forwarded=False,
        noticed=False,
        mask=Mask([SECRET, TOKEN]),
    )
    return replace(found, **changed)  # type: ignore[arg-type]


def postgres(direct: str = HELD, *, ours: bool = True) -> ServiceInside:
    service = Service(name="db", kind="postgres")
    return ServiceInside(service=service, direct=direct, through="", ours=ours)


def shown(of: Inside, *, secrets: bool = True) -> list[str]:
    return list(pasted(of, HERE, secrets=secrets))


def test_each_path_and_each_plain_request_has_a_curl_line() -> None:
    """A read of a write needs the id of one, and a DELETE is left to the person."""
    curls = [shlex.split(line) for line in shown(inside()) if line.startswith("curl -i")]
    assert curls == [
        ["curl", "-i", "-H", f"Authorization: {TOKEN}", "http://127.0.0.1:40/healthcheck"],
        ["curl", "-i", "-H", f"Authorization: {TOKEN}", "http://127.0.0.1:40/liveness"],
        [
            "curl",
            "-i",
            "-H",
            "Content-Type: application/json",
            "--data-raw",
            f'{{"id": "{AN_ID}", "note": "it\'s"}}',
            "http://127.0.0.1:40/orders",
        ],
        ["curl", "-i", "http://127.0.0.1:40/list"],
    ]


def test_a_service_is_reached_with_the_fault_and_without_it() -> None:
    """By its own client, with the address of each."""
    both = replace(postgres(), through=HELD.replace(":41", ":43"))
    lines = shown(inside(both))
    clear, under = lines.index("without the fault:"), lines.index("under the fault:")
    assert shlex.split(lines[clear + 1]) == ["psql", HELD]
    assert shlex.split(lines[under + 1]) == ["psql", HELD.replace(":41", ":43")]
    assert "the log of web: run/app-web.log" in lines
    steady = shown(inside(postgres()))
    assert f"db: {HELD}" in steady
    assert not any("the fault" in line for line in steady if "API" not in line)


def test_on_a_terminal_a_fresh_server_can_be_entered() -> None:
    """Nobody can connect without the password, which ends with the run."""
    assert any(HELD in line for line in shown(inside(postgres())))


def test_elsewhere_secrets_are_masked_but_for_the_labs_own_password() -> None:
    """A log of a CI is kept; the lab's own password opens nothing later."""
    text = "\n".join(shown(inside(postgres(), postgres(PLAIN)), secrets=False))
    assert "p%40ss" not in text
    assert TOKEN not in text
    assert PLAIN in text


def test_the_password_of_a_server_that_runs_elsewhere_is_never_shown() -> None:
    """It is valid after the run."""
    text = "\n".join(shown(inside(postgres(ours=False))))
    assert "p%40ss" not in text
    assert "***" in text


def test_addresses_that_differ_from_those_of_the_app_have_a_line_about_it() -> None:
    """Forwarded addresses, and sessions that the lab takes for the app's."""
    assert len(shown(inside())) + 2 == len(shown(inside(forwarded=True, noticed=True)))


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("postgres", HELD, ("psql", HELD)),
        (
            "redis",
            "redis://:p%40ss@127.0.0.1:6/3",
            ("redis-cli", "-h", "127.0.0.1", "-p", "6", "-n", "3", "-a", "p@ss", LAST),
        ),
        ("redis", "redis://h:6/0", ("redis-cli", "-h", "h", "-p", "6", "-n", "0")),
        (
            "mysql",
            "mysql://me:p%40ss@127.0.0.1:6/shop",
            ("mysql", "-h", "127.0.0.1", "-P", "6", "-u", "me", "--password=p@ss", "shop"),
        ),
        ("http", "http://127.0.0.1:6", ("curl", "-i", "http://127.0.0.1:6/")),
    ],
)
def test_each_kind_has_the_line_of_its_own_client(
    kind: str, url: str, words: tuple[str, ...]
) -> None:
    """With user and password as the server knows them."""
    client = kind_of(kind).client
    assert client is not None
    assert client(url) == words
