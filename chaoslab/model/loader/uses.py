"""Checks what the table of an app uses: services that need a link, and placeholders."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chaoslab.model.loader.declared import Declared
from chaoslab.model.loader.mistakes import NO_LINK, Mistake, Place, unknown
from chaoslab.model.placeholders import placeholder_problems


def linked(place: Place, app: str, service: str, known: Declared) -> Iterator[Mistake]:
    """A mistake if the service is unknown, or if the app has no link to it; else nothing."""
    if service not in known.services:
        yield unknown(place, "service", service, known.services)
    elif service not in known.linked(app):
        yield Mistake(
            place=place,
            reason=NO_LINK(app=app, service=service),
            fix=f"add '{service}' to apps.{app}.links",
        )


def unfilled(place: Place, text: object, usable: Collection[str]) -> Iterator[Mistake]:
    """A mistake for each problem with the placeholders of `text`. `usable` are the names that may
    be used. Nothing if `text` is not a string.
    """
    for each in placeholder_problems("", text, usable) if isinstance(text, str) else ():
        yield Mistake(place=place, reason=each.reason, expected=each.expected, fix=each.fix)
