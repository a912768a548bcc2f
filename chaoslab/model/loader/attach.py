"""What `[attach]` names must stand in the same file; two links never share a proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaoslab.model.loader.kinds import Kinds
from chaoslab.model.loader.rules import is_service_url

Table = Mapping[str, object]
Known = Mapping[str, object]
# Place below `attach`, what is wrong, what was expected. Where a name is unknown: of what kind it
# is, and at the end the name and all that it may have been.
AttachProblem = tuple[tuple[str, ...], str, str, tuple[str, Known] | None]


def attach_problems(
    attach: Table, *, apps: Known, links: Known, services: Mapping[str, Table], kinds: Kinds
) -> Iterator[AttachProblem]:
    """Every name that the file does not have, and every proxy or URL that does not fit."""
    for section, what, known in (
        ("apps", "app", apps),
        ("links", "link", links),
        ("services", "service", services),
    ):
        for name in _table(attach.get(section)):
            if name not in known:
                yield (section, name), what, "", (name, known)
    yield from _shared_proxies(_table(attach.get("links")))
    yield from _foreign_urls(_table(attach.get("services")), services, kinds)


def _shared_proxies(links: Table) -> Iterator[AttachProblem]:
    taken: dict[str, str] = {}
    for link, table in links.items():
        proxy = _table(table).get("proxy")
        if not isinstance(proxy, str):
            continue
        other = taken.setdefault(proxy, link)
        if other != link:
            what = f"proxy '{proxy}' already carries link '{other}'"
            yield ("links", link, "proxy"), what, "one proxy for each link", None


def _foreign_urls(
    urls: Table, services: Mapping[str, Table], kinds: Kinds
) -> Iterator[AttachProblem]:
    for name, table in urls.items():
        url, kind = _table(table).get("url"), services.get(name, {}).get("kind")
        schemes = kinds[kind].schemes if isinstance(kind, str) and kind in kinds else ()
        if not isinstance(url, str) or not schemes or not is_service_url(url):
            continue
        if url.partition("://")[0] not in schemes:
            what = f"'{name}' is a {kind}, but this is the URL of another kind"
            yield ("services", name, "url"), what, f"{schemes[0]}://…", None


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}
