"""A client of a proxy, and what it observes in one word."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from engine.rig import Address

from chaoslab.errors import InjectionFailed
from chaoslab.model.actions import Action, AddToxic, ConnectPhase, Disable
from chaoslab.proxies.toxiproxy import ToxiproxyControl

PATIENCE_S = 5.0
SILENT_S = 0.25
LATE_S = 0.15


def patience(expected: str) -> float:
    """How long to wait for what is expected: silence is soon believed, all else may come late."""
    return SILENT_S if expected in ("silent", "dropped") else PATIENCE_S


class Client:
    """A client of the test's own on one port: what it meets is what an app would."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def meets(self, *, within_s: float = SILENT_S) -> str:
        """Connect, send four bytes, and say in one word what came of it."""
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except TimeoutError:
            return "dropped"
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "reset"
        try:
            return await exchange(reader, writer, within_s=within_s)
        finally:
            writer.transport.abort()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """An established connection that has been answered once."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        assert await exchange(reader, writer, within_s=PATIENCE_S) == "answered"
        return reader, writer


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, within_s: float
) -> str:
    """Send four bytes and say in one word what came of it."""
    try:
        writer.write(b"ping")
        async with asyncio.timeout(within_s):
            return "answered" if await reader.readexactly(4) == b"ping" else "altered"
    except TimeoutError:
        return "silent"
    except asyncio.IncompleteReadError:
        return "closed"
    except OSError:
        return "reset"


def toxic(type_: str, stream: str = "downstream", **attributes: int) -> AddToxic:
    """A toxic on the proxy `db`."""
    return AddToxic(
        proxy="db",
        name=f"{type_}_{stream}",
        type=type_,
        stream=stream,  # type: ignore[arg-type]
        attributes=attributes,
    )


async def fresh_proxy(control: ToxiproxyControl, address: Address, name: str = "db") -> int:
    """A new proxy of that name, in the place of an earlier test's."""
    with suppress(InjectionFailed):
        await control._call(lambda: control._proxy(name).destroy())
    return await control.create(name, f"{address[0]}:{address[1]}")


EVERYWHERE: dict[str, tuple[Action, str]] = {
    "latency": (toxic("latency", latency=4000), "silent"),
    "timeout": (toxic("timeout", timeout=0), "silent"),
    "timeout upstream": (toxic("timeout", "upstream", timeout=0), "silent"),
    "limit_data": (toxic("limit_data", bytes=2), "closed"),
    "bandwidth": (toxic("bandwidth", rate=0), "silent"),
    "slicer": (toxic("slicer", average_size=1, size_variation=0, delay=3_000_000), "silent"),
    "reset_peer": (toxic("reset_peer", timeout=0), "reset"),
    "noop": (toxic("noop"), "answered"),
    "disable": (Disable(proxy="db"), "refused"),
}
BEYOND: dict[str, tuple[Action, str]] = {
    "silence": (toxic("silence"), "silent"),
    "silence upstream": (toxic("silence", "upstream"), "silent"),
    "refused": (ConnectPhase(proxy="db", mode="refused", established="reset"), "refused"),
    "dropped": (ConnectPhase(proxy="db", mode="dropped", established="hold"), "dropped"),
}
