"""The address of the container engine: taken from the environment, as docker-py does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment

NOT_LOCAL = ErrorCode(
    "engine.address_unsupported",
    "the lab cannot use an engine at {url}",
    "The engine is reached in a way that publishes no ports on this machine, such as ssh.",
)
DEFAULT_URL = "unix:///var/run/docker.sock"
# docker-py's URL of every Unix socket.
_ANY_SOCKET = "http+docker://"
_SCHEMES = ("unix://", "tcp://", "http://", "https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """An engine's URL, and which setting named it.

    `certificates` is the folder of ca.pem, cert.pem and key.pem for TLS, else empty.
    """

    url: str
    named_by: str
    certificates: str = ""

    @property
    def socket_path(self) -> str:
        """The path of the engine's socket; empty if the engine is reached by TCP."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""


def engine_address(base_url: str = "", env: Mapping[str, str] | None = None) -> EngineAddress:
    """The engine's address: docker-py's `base_url`, else DOCKER_HOST, else the usual socket.

    Raises RuntimeUnavailable for other schemes, such as ssh: the published ports of such an engine
    are not on this machine's loopback.
    """
    machine = environment() if env is None else env
    host = machine.get("DOCKER_HOST", "").strip()
    named_by = f"DOCKER_HOST={host}" if host else "the default"
    url = host or DEFAULT_URL
    if base_url and not base_url.startswith(_ANY_SOCKET):
        url = base_url
    url = url.replace("http+unix://", "unix://")
    if not url.startswith(_SCHEMES):
        raise RuntimeUnavailable(
            Problem(
                where=named_by,
                reason=NOT_LOCAL(url=url),
                expected="unix:///path or tcp://host:port",
                fix="unset DOCKER_HOST to use this machine's engine",
            )
        )
    if url.startswith("unix://"):
        return EngineAddress(url=url, named_by=named_by)
    tls = bool(machine.get("DOCKER_TLS_VERIFY") or machine.get("DOCKER_CERT_PATH"))
    usual = f"{machine.get('HOME', '')}/.docker"
    return EngineAddress(
        url=url,
        named_by=named_by,
        certificates=machine.get("DOCKER_CERT_PATH", usual) if tls else "",
    )
