"""Checks that the names and addresses in the table `[attach]` fit the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaoslab.errors import ErrorCode
from chaoslab.model.loader.kinds import Kinds
from chaoslab.model.loader.mistakes import Mistake, Table, table_of, unknown
from chaoslab.model.loader.rules import is_service_url

Known = Mapping[str, object]

PROXY_TAKEN = ErrorCode(
    "topology.proxy_taken",
    "proxy '{proxy}' already carries link '{link}'",
    "Two links of [attach] name the same proxy.",
)
URL_OF_OTHER_KIND = ErrorCode(
    "topology.url_of_other_kind",
    "'{service}' is a {kind}, but this is the URL of another kind",
    "The scheme of a URL in [attach] does not belong to the kind of its service.",
)


def attach_mistakes(
    attach: Table, *, apps: Known, links: Known, services: Mapping[str, Table], kinds: Kinds
) -> Iterator[Mistake]:
    """A mistake for every name in the table `attach` that the file does not declare, for every
    proxy that two links share, and for every URL of another kind of service.
    """
    for section, kind, known in (
        ("apps", "app", apps),
        ("links", "link", links),
        ("services", "service", services),
    ):
        for name in table_of(attach.get(section)):
            if name not in known:
                yield unknown(("attach", section, name), kind, name, known)
    yield from _shared_proxies(table_of(attach.get("links")))
    yield from _urls_of_other_kinds(table_of(attach.get("services")), services, kinds)


def _shared_proxies(links: Table) -> Iterator[Mistake]:
    taken: dict[str, str] = {}
    for link, table in links.items():
        proxy = table_of(table).get("proxy")
        if isinstance(proxy, str) and (other := taken.setdefault(proxy, link)) != link:
            yield Mistake(
                place=("attach", "links", link, "proxy"),
                reason=PROXY_TAKEN(proxy=proxy, link=other),
                expected="one proxy for each link",
            )


def _urls_of_other_kinds(
    urls: Table, services: Mapping[str, Table], kinds: Kinds
) -> Iterator[Mistake]:
    for name, table in urls.items():
        url, kind = table_of(table).get("url"), services.get(name, {}).get("kind")
        schemes = kinds[kind].schemes if isinstance(kind, str) and kind in kinds else ()
        if not isinstance(url, str) or not schemes or not is_service_url(url):
            continue
        if url.partition("://")[0] not in schemes:
            yield Mistake(
                place=("attach", "services", name, "url"),
                reason=URL_OF_OTHER_KIND(service=name, kind=str(kind)),
                expected=f"{schemes[0]}://…",
            )
