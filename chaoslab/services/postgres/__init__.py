"""The kind `postgres`: PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from chaoslab.model.sighting import Question
from chaoslab.services.base import OWN_NAME, CommandCounter, Kind, PathDialogue
from chaoslab.services.later import later
from chaoslab.services.postgres.keys import PostgresKeys
from chaoslab.services.postgres.local import PROGRAM, postgres_server
from chaoslab.services.postgres.protocol import DISMISSALS, SSL_REQUEST, TERMINATE
from chaoslab.services.urls import USER_AND_DATABASE, with_scheme

if TYPE_CHECKING:
    from chaoslab.services.postgres import container, path, sessions
else:
    container, path, sessions = later(__name__, "container", "path", "sessions")

# They refuse the parameter `sslmode`, which the lab's URLs have.
_DRIVERS_WITHOUT_SSLMODE = ("asyncpg", "pg8000")


def _url_as(url: str, scheme: str) -> str:
    """The URL with that scheme, without parameters if its driver would refuse them."""
    if scheme.rpartition("+")[2] in _DRIVERS_WITHOUT_SSLMODE:
        url = urlsplit(url)._replace(query="").geturl()
    return with_scheme(url, scheme)


def _with_own_name(url: str) -> str:
    """The URL with the lab's `application_name`, unchanged if it names one already."""
    query = urlsplit(url).query
    if "application_name" not in parse_qs(query):
        query = "&".join(filter(None, (query, f"application_name={OWN_NAME}")))
    return urlsplit(url)._replace(query=query).geturl()


POSTGRES = Kind(
    name="postgres",
    port=5432,
    schemes=("postgresql", "postgres"),
    question=lambda _: Question(asked=SSL_REQUEST),
    keys=PostgresKeys,
    image="postgres:16-alpine",
    goodbyes=frozenset({TERMINATE}),
    dismissals=DISMISSALS,
    messages="postgres",
    fields=USER_AND_DATABASE,
    url_as=_url_as,
    client=lambda url: ("psql", url),
    program=PROGRAM,
    data=lambda _: "home",
    local=postgres_server,
    container=container.own_server,
    stack=container.stack_server,
    with_own_name=_with_own_name,
    about=sessions.about,
    count_clients=sessions.PostgresClients.open,
    # A busy session reports its transactions once a second.
    count_commands=CommandCounter(open=sessions.PostgresCommands.open, late_s=1.0),
    rows=sessions.PostgresRows.open,
    tables=sessions.tables,
    view=sessions.PostgresView.open,
    dialogue=PathDialogue(targets=path.targets, walk=path.walk),
)
