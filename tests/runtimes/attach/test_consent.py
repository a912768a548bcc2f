"""Attach mode uses a host that may be more than a test only with a consent that names it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Attach
from chaoslab.runtimes.attach.consent import CONSENT, touched, without_consent
from chaoslab.runtimes.attach.kind import AttachSession
from chaoslab.runtimes.attach.runtime import AttachedRuntime

from .cluster import REFERENCE

BOTH = "backend.postgres,backend.redis"
LOCAL = Attach(
    toxiproxy="http://127.0.0.1:8474",
    apps={"backend": "http://localhost:8080"},
    links={"backend.postgres": "pg", "backend.redis": "cache"},
    services={"postgres": "postgresql://app:hunter2@db.test:5432/app"},
)
STAGING = replace(LOCAL, toxiproxy="http://proxy.staging.example:8474")


def hosts(attach: Attach, consent: str = "") -> list[object]:
    """The hosts that are refused."""
    return [p.reason.data["host"] for p in without_consent(attach, REFERENCE, consent)]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "a.test"])
def test_loopback_and_test_names_need_no_consent(host: str) -> None:
    """No public host has such a name or address."""
    assert hosts(replace(LOCAL, toxiproxy=f"http://{host}:8474")) == []


@pytest.mark.parametrize(
    "host", ["10.0.0.7", "192.168.1.2", "db.example.com", "test", "localhost.example.com"]
)
def test_every_other_host_needs_a_consent(host: str) -> None:
    """A private address may belong to production as well."""
    assert hosts(replace(LOCAL, toxiproxy=f"http://{host}:8474")) == [host]


@pytest.mark.parametrize(
    ("consent", "refused"),
    [
        (f"proxy.staging.example={BOTH}", []),
        (f"PROXY.staging.example={BOTH},backend.other  b=c", []),
        ("proxy.staging.example=backend.postgres", ["proxy.staging.example"]),
        ("proxy.staging.example", ["proxy.staging.example"]),
        (f"other.example={BOTH}", ["proxy.staging.example"]),
        ("=", ["proxy.staging.example"]),
    ],
)
def test_a_consent_names_the_host_and_every_link(consent: str, refused: list[str]) -> None:
    """A consent to one link is none to another; more than is needed is no mistake."""
    assert hosts(STAGING, consent) == refused


def test_apps_and_services_need_a_consent_for_their_own_links() -> None:
    """The lab sends requests to the app, and reads the service."""
    attach = replace(
        LOCAL,
        apps={"backend": "http://app.example.com"},
        services={"postgres": "postgresql://app@db.example.com/app"},
    )
    consent = f"app.example.com={BOTH} db.example.com=backend.postgres"
    assert hosts(attach) == ["app.example.com", "db.example.com"]
    assert hosts(attach, consent) == []


def test_a_host_without_consent_is_not_asked_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal comes before any connection, and says what to set."""
    monkeypatch.delenv(CONSENT, raising=False)
    topology = replace(REFERENCE, attach=STAGING)
    with pytest.raises(RuntimeUnavailable) as refused:
        AttachSession(topology, "toxiproxy").check()
    with pytest.raises(RuntimeUnavailable):
        AttachedRuntime(topology)
    (problem,) = refused.value.problems
    assert problem.code == "attach.no_consent"
    assert f"{CONSENT}=proxy.staging.example={BOTH}" in problem.fix


def test_a_consent_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from the file, which is copied from one system to the next."""
    monkeypatch.setenv(CONSENT, f"proxy.staging.example={BOTH}")
    AttachedRuntime(replace(REFERENCE, attach=STAGING))


def test_it_says_what_it_touches() -> None:
    """Every address, without passwords."""
    lines = [*touched(LOCAL, REFERENCE)]
    assert lines == [
        "attach: injects faults on backend.postgres: proxy pg of 127.0.0.1:8474",
        "attach: injects faults on backend.redis: proxy cache of 127.0.0.1:8474",
        "attach: sends to backend at localhost:8080: health, write write",
        "attach: reads postgres at db.test:5432",
        "attach: starts and stops nothing; heals every fault at the end",
    ]
