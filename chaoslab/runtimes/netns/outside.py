"""What apps in pods have of the world outside the lab: declared addresses, and names for them.

The gateway answers at every address, so a declared address is one more proxy of the engine there.
Its name is in the hosts file that the pods see. DNS is the gateway's too, where nothing answers: so
the name of each look-up is observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from chaoslab.model.topology import App
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.base import Attempts
from chaoslab.runtimes.netns.child import NamespaceAgent

_HOSTS, _RESOLVER = Path("/etc/hosts"), Path("/etc/resolv.conf")
_ASKS = "nameserver {}\noptions timeout:1 attempts:1\n"
_FIRST = int(IPv4Address("198.18.2.1"))
_MODE = 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The addresses outside the lab that apps may reach: `addresses` maps each host to its address
    in the pods, and `declared` has each (host, port).
    """

    addresses: Mapping[str, str]
    declared: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, apps: Iterable[App]) -> Outside:
        """What `apps` declare together. A name gets an address of the lab's network."""
        texts = dict.fromkeys(text for app in apps for text in app.outside)
        parted = (text.rpartition(":") for text in texts)
        declared = tuple((host, int(port)) for host, _, port in parted)
        hosts = dict.fromkeys(host for host, _ in declared)
        names = [host for host in hosts if not _is_address(host)]
        given = {name: str(IPv4Address(_FIRST + n)) for n, name in enumerate(names)}
        return cls(addresses={h: given.get(h, h) for h in hosts}, declared=declared)

    def files(self, folder: Path, resolver: str) -> dict[str, str]:
        """Write the files that apps see instead of the machine's, and map the machine's to them.

        `resolver` is the address of the DNS server. A file that the machine lacks is left out.
        """
        made = {}
        for path in filter(Path.is_file, (_HOSTS, _RESOLVER)):
            lines = "".join(self._host_lines())
            own = folder / path.name
            own.write_text(path.read_text() + lines if path == _HOSTS else _ASKS.format(resolver))
            own.chmod(_MODE)
            made[str(path)] = str(own)
        return made

    def _host_lines(self) -> Iterator[str]:
        yield "\n"
        for host, address in self.addresses.items():
            if host != address:
                yield f"{address} {host}\n"

    async def forward(self, control: ToxiproxyControl) -> None:
        """Make the proxy server forward each declared address."""
        for host, port in self.declared:
            where = f"{host}:{port}"
            await control.forward(f"outside {where}", f"{self.addresses[host]}:{port}", where)


class GatewayWatch:
    """Implements `OutsideWatch` with the agent of the gateway; `pods` maps addresses to apps."""

    def __init__(self, gateway: NamespaceAgent, pods: Mapping[str, str]) -> None:
        self._gateway, self._pods = gateway, pods

    def begin(self) -> None:
        """Count from now on. Blocks."""
        self._gateway.ask_now("outside")

    async def attempts(self) -> tuple[Attempts, ...]:
        """All attempts since `begin`; those of the first 200 addresses."""
        answer = await self._gateway.request("outside")
        return tuple(
            Attempts(app=self._pods[row.pop("source")], names=tuple(row.pop("names")), **row)
            for row in answer["attempts"]
            if row["source"] in self._pods
        )


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
