"""Checks the names in the requests of an app: placeholders, services, and other requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaoslab.errors import ErrorCode
from chaoslab.model.loader.declared import Declared
from chaoslab.model.loader.mistakes import Mistake, Place, Table, table_of, tables_of, unknown
from chaoslab.model.loader.uses import linked, unfilled
from chaoslab.model.placeholders import names_in

CHANNELS = ("websocket", "events")  # keys of `found`
NO_ID = ErrorCode(
    "topology.no_id",
    "has no {{id}}",
    "The id of a request is in none of its texts, so its effect cannot be found again.",
)
FINDS_OTHERWISE = ErrorCode(
    "topology.finds_otherwise",
    lambda data: (
        f"'{data['service']}' is a {data['kind']}, in which the lab finds nothing by {data['by']}"
    ),
    "The lab cannot look up the effect of a request in this kind of service, or not in this way.",
    data=("service", "kind", "by"),
)
ANOTHER_KIND = ErrorCode(
    "topology.another_kind_of_request",
    "'{name}' is a {kind}",
    "A request names another request, which has a kind that does not fit.",
)
READS_NOTHING = ErrorCode(
    "topology.reads_nothing",
    "the good answer of '{name}' has no {{id}}",
    "The effect of a request is found through a read, and the good answer of that read is the same "
    "for every id.",
)
CHANNEL_OF_ONE = ErrorCode(
    "topology.channel_of_one",
    "has a placeholder, and the lab subscribes to one path for all jobs",
    "The events of each job have a path of their own, which is not supported; or those of each "
    "user have one, and the request has no users.",
)
NO_USER = ErrorCode(
    "topology.no_user",
    "has users, and {{user}} is not in the {place}",
    "The app cannot know for which user a request or a subscription of the lab is.",
)


def request_mistakes(app: str, known: Declared) -> Iterator[Mistake]:
    """A mistake for every name in the requests of one app that is unknown or does not fit."""
    requests = tables_of(known.apps[app].get("requests"))
    for name, table in requests.items():
        here: Place = ("apps", app, "requests", name)
        yield from _placeholders(here, table)
        yield from _found(here, app, table_of(table.get("found")), requests, known)
        yield from _channel(here, table)
        if isinstance(of := table.get("of"), str):
            yield from _other((*here, "of"), of, "write", requests)


def _placeholders(here: Place, table: Table) -> Iterator[Mistake]:
    """The mistakes in the texts that the lab fills, and one if the id is in none of them although
    it is needed.
    """
    sent = _sent(table)
    expected = [*_texts((), table_of(table.get("good")).get("equals"))]
    texts = [(("good", "equals", *rest), text) for rest, text in expected]
    found = table_of(table.get("found"))
    texts += _texts(("found", "key"), found.get("key"))
    texts += _texts(("good", "text"), table_of(table.get("good")).get("text"))
    for rest, text in sent:
        yield from unfilled((*here, *rest), text, ["id", "user"] if "users" in table else ["id"])
    for rest, text in texts:
        yield from unfilled((*here, *rest), text, ["id"])
    if (found or "of" in table) and not any("id" in names_in(text) for _, text in sent):
        yield Mistake(
            place=here,
            reason=NO_ID(),
            expected="the placeholder {id} in path, headers, body or form",
        )


def _found(
    request: Place, app: str, found: Table, requests: Mapping[str, Table], known: Declared
) -> Iterator[Mistake]:
    here: Place = (*request, "found")
    service, through = found.get("service"), found.get("request")
    if isinstance(service, str):
        by = "key" if "key" in found else "table"
        yield from _service((*here, "service"), app, service, by, known)
    if isinstance(through, str):
        wrong = [*_other((*here, "request"), through, "read", requests)]
        yield from wrong
        if not wrong and not _tells_ids_apart(requests[through]):
            yield Mistake(
                place=(*here, "request"),
                reason=READS_NOTHING(name=through),
                expected="{id} in the path, and in equals, has or text of its good answer, or a "
                "status that only an id that is there gets",
            )


def _channel(request: Place, table: Table) -> Iterator[Mistake]:
    """The mistakes in the path at which the lab subscribes, and in what a request with users does
    with them.
    """
    found = table_of(table.get("found"))
    for channel in CHANNELS:
        place, path = (*request, "found", channel), found.get(channel)
        if not isinstance(path, str):
            continue
        if "users" in table:
            yield from unfilled(place, path, ["user"])
        elif names_in(path):
            expected = "a path without placeholders, or users in the request, and {user} here"
            yield Mistake(place=place, reason=CHANNEL_OF_ONE(), expected=expected)
        else:
            yield from unfilled(place, path, [])
    if "users" in table:
        headers = [text for _, text in _texts((), table.get("headers"))]
        asks = any("user" in names_in(text) for _, text in _sent(table))
        subscribes = [*(text for text in map(found.get, CHANNELS) if isinstance(text, str))]
        subscribes += (text for text in headers if "id" not in names_in(text))
        if not asks:
            expected = "the placeholder {user} in path, headers, body or form"
            yield Mistake(place=request, reason=NO_USER(place="request"), expected=expected)
        if not any("user" in names_in(text) for text in subscribes):
            expected = "the placeholder {user} in websocket or events, or in a header without {id}"
            yield Mistake(place=request, reason=NO_USER(place="subscription"), expected=expected)


def _service(place: Place, app: str, name: str, by: str, known: Declared) -> Iterator[Mistake]:
    kind = known.kind_of(name) if name in known.services else None
    if kind is not None and kind.finds_by != by:
        kinds = known.kinds.values()
        able = [f"a {each.name} by {each.finds_by}" for each in kinds if each.finds_by]
        yield Mistake(
            place=place,
            reason=FINDS_OTHERWISE(service=name, kind=kind.name, by=by),
            expected=" or ".join(able),
        )
    else:
        yield from linked(place, app, name, known)


def _other(
    place: Place, name: str, wanted: str, requests: Mapping[str, Table]
) -> Iterator[Mistake]:
    """A mistake if the app has no request of that name, or one of another kind than `wanted`."""
    if name not in requests:
        yield unknown(place, "request", name, requests)
    elif (kind := requests[name].get("kind")) != wanted:
        reason = ANOTHER_KIND(name=name, kind=str(kind))
        yield Mistake(place=place, reason=reason, expected=f"the name of a {wanted}")


def _tells_ids_apart(read: Table) -> bool:
    """Whether the answer of a read can differ from id to id."""
    return any("id" in names_in(text) for _, text in _texts((), {"path": read.get("path")}))


def _sent(table: Table) -> list[tuple[Place, str]]:
    """Every text of the request that the lab sends, with its place."""
    return [*_texts((), {key: table.get(key) for key in ("path", "headers", "body", "form")})]


def _texts(place: Place, value: object) -> Iterator[tuple[Place, str]]:
    """Every text in nested tables and lists, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts((*place, str(key)), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts((*place, index), each)
