"""What apps in pods have of the world outside the lab: declared addresses, and names for them.

The gateway answers at every address, so a declared address is one more proxy of the engine there.
Its name is in the hosts file that the pods see. DNS is the gateway's too, where nothing answers: so
the name of each look-up is observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from chaoslab.model.topology import App
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.base import Attempts, TrafficOutside
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
        texts = {_HOSTS: self._hosts(_HOSTS), _RESOLVER: _ASKS.format(resolver).encode()}
        for path in filter(Path.is_file, texts):
            own = folder / path.name
            own.write_bytes(texts[path])
            own.chmod(_MODE)
            made[str(path)] = str(own)
        return made

    def _hosts(self, machines: Path) -> bytes:
        """The text of the hosts file: the declared names, then the lines of the machine's own file,
        where a name may have another address. Of two addresses of a name a program uses the first.
        """
        lines = (f"{at} {host}\n" for host, at in self.addresses.items() if host != at)
        try:
            own = machines.read_bytes()
        except OSError:  # no app could read it either
            own = b""
        return "".join(lines).encode() + own

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

    async def seen(self) -> TrafficOutside:
        """All that it has seen since `begin`; attempts at the first 200 addresses."""
        answer = await self._gateway.request("outside")
        attempts = tuple(
            Attempts(app=self._pods[row.pop("source")], names=tuple(row.pop("names")), **row)
            for row in answer["attempts"]
            if row["source"] in self._pods
        )
        return TrafficOutside(attempts=attempts, uncounted=answer["uncounted"])


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
