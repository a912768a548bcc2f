"""Controls of real servers, and an upstream that names itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from conformance.arms import ARMS, EMBEDDED, TOXIPROXY, Arm, running, toxiproxy_binary
from engine.rig import Address, echo, upstream

from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

from .clients import fresh_proxy
from .misbehaving import Misbehaving, misbehaving

NO_TOXIPROXY = "no toxiproxy-server on PATH (scripts/install_toxiproxy.sh builds one)"
CONNECT_WITHIN_S = 5.0


@pytest.fixture(scope="session")
def embedded_arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    """One embedded engine for all of these tests."""
    with running(EMBEDDED, tmp_path_factory.mktemp("engine") / "log") as arm:
        yield arm


@pytest.fixture(scope="session")
def toxiproxy_arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    """One real Toxiproxy for all of these tests."""
    if toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    with running(TOXIPROXY, tmp_path_factory.mktemp("toxiproxy") / "log") as arm:
        yield arm


@pytest.fixture
async def embedded(embedded_arm: Arm) -> AsyncIterator[EmbeddedControl]:
    """The control of the embedded engine."""
    control = EmbeddedControl(embedded_arm.host, embedded_arm.port)
    await control.connect(CONNECT_WITHIN_S)
    yield control
    await control.close()


@pytest.fixture
async def toxiproxy(toxiproxy_arm: Arm) -> AsyncIterator[ToxiproxyControl]:
    """The control of a real Toxiproxy."""
    control = ToxiproxyControl(toxiproxy_arm.host, toxiproxy_arm.port)
    await control.connect(CONNECT_WITHIN_S)
    yield control
    await control.close()


@pytest.fixture(params=ARMS)
def control(request: pytest.FixtureRequest) -> ToxiproxyControl:
    """Each control in turn; both keep the same contract."""
    made: ToxiproxyControl = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def broken() -> Iterator[Misbehaving]:
    """A server that a test makes misbehave."""
    with misbehaving() as server:
        yield server


@pytest.fixture
async def of_broken(broken: Misbehaving) -> AsyncIterator[ToxiproxyControl]:
    """A control that believes in it."""
    control = ToxiproxyControl("127.0.0.1", broken.port)
    yield control
    await control.close()


@pytest.fixture
def echo_server() -> Iterator[Address]:
    """An upstream that sends back what it gets."""
    with upstream(echo) as address:
        yield address


@pytest.fixture
async def port(control: ToxiproxyControl, echo_server: Address) -> int:
    """A proxy `db` in front of an echo, new for each test."""
    return await fresh_proxy(control, echo_server)


@pytest.fixture
async def engine_port(embedded: EmbeddedControl, echo_server: Address) -> int:
    """The same on the embedded engine alone."""
    return await fresh_proxy(embedded, echo_server)
