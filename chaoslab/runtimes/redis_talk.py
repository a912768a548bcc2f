"""A Redis or Valkey server asked about its clients: a few words of its protocol, by its lab's name.

Sources: Redis' RESP specification; CLIENT LIST, CLIENT INFO, CLIENT SETNAME.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.runtimes.base import OWN_NAME

_WITHIN_S = 3.0


def clients_of(answer: str) -> list[dict[str, str]]:
    """The lines of CLIENT LIST and CLIENT INFO: `name=value` words; values may be empty."""
    lines = [line.split(" ") for line in answer.splitlines() if line.strip()]
    return [dict(word.split("=", 1) for word in words if "=" in word) for words in lines]


class RedisTalk:
    """As little of a client as two questions need; each answer is one string."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, url: str, there: Endpoint) -> RedisTalk:
        """To `there`, with the user and password of `url`. Raises OSError, and as `ask` does."""
        parts = urlsplit(url)
        async with asyncio.timeout(_WITHIN_S):
            client = cls(*await asyncio.open_connection(there.host, there.port))
        password = unquote(parts.password or "") or environment().get("REDISCLI_AUTH", "")
        try:
            if password:
                await client.ask("AUTH", *filter(None, [unquote(parts.username or "")]), password)
            await client.ask("CLIENT", "SETNAME", OWN_NAME)
        except BaseException:
            await client.close()
            raise
        return client

    async def ask(self, *words: str) -> str:
        """Raises ValueError where the server refuses, TimeoutError where it is silent."""
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            parts.append(f"${len(data)}\r\n".encode() + data + b"\r\n")
        self._writer.write(b"".join(parts))
        async with asyncio.timeout(_WITHIN_S):
            head = (await self._reader.readline()).decode().rstrip("\r\n")
            if head[:1] == "$" and int(head[1:]) >= 0:
                return (await self._reader.readexactly(int(head[1:]) + 2)).decode()
        if head[:1] != "+":
            raise ValueError(f"Redis answered {head or 'nothing'} to {words[0]}")
        return head[1:]

    def hang_up(self) -> None:
        """End the connection; who waits for an answer gets none."""
        self._writer.close()

    async def close(self) -> None:
        self.hang_up()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
