"""The kind `redis`: Redis, or Valkey in its place.

Source: Redis' RESP specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaoslab.model.sighting import Question
from chaoslab.services.base import CommandCounter, Kind, PathDialogue
from chaoslab.services.later import later
from chaoslab.services.redis.keys import RedisKeys
from chaoslab.services.redis.local import PROGRAM, redis_server
from chaoslab.services.urls import password_of, path_of

if TYPE_CHECKING:
    from chaoslab.services.redis import container, path, sessions
else:
    container, path, sessions = later(__name__, "container", "path", "sessions")


def _client(url: str) -> tuple[str, ...]:
    """`redis-cli` with the parts of the URL: older versions have no `--user`, and no `-u`."""
    parts, password = urlsplit(url), password_of(url)
    secret = ("-a", password, "--no-auth-warning") if password else ()
    where = ("-h", parts.hostname or "", "-p", str(parts.port), "-n", path_of(url) or "0")
    return ("redis-cli", *where, *secret)


async def _about(url: str) -> str:
    """The product's name, always `Redis`; the server is not queried, since nothing later needs
    a log-in.
    """
    del url
    return "Redis"


REDIS = Kind(
    name="redis",
    port=6379,
    schemes=("redis", "rediss"),
    # Answered by one line without credentials; the line may be an error.
    question=lambda _: Question(asked=b"PING\r\n"),
    keys=RedisKeys,
    image="redis:7-alpine",
    # QUIT, as an array or inline: a pool sends it also on connections that it never used.
    goodbyes=frozenset({b"*1\r\n$4\r\nQUIT\r\n", b"QUIT\r\n"}),
    messages="redis",
    fields={"password": password_of, "database": path_of},
    client=_client,
    program=PROGRAM,
    data=lambda _: "home",
    local=lambda service, *_: redis_server(service),
    container=container.own_server,
    stack=container.stack_server,
    about=_about,
    count_clients=sessions.RedisClients.open,
    count_commands=CommandCounter(open=sessions.RedisCommands.open),
    rows=sessions.RedisRows.open,
    found_by="key",
    view=sessions.RedisView.open,
    dialogue=PathDialogue(targets=path.targets, walk=path.walk),
)
