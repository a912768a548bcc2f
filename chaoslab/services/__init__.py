"""WHICH servers apps depend on: one module a kind, and the one table of them."""

from __future__ import annotations

from collections.abc import Mapping

from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.base import Kind
from chaoslab.services.mysql import MYSQL
from chaoslab.services.postgres import POSTGRES
from chaoslab.services.rabbitmq import RABBITMQ
from chaoslab.services.redis import REDIS

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (POSTGRES, REDIS, MYSQL, RABBITMQ)}


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises SpecError, with the known ones, where there is none."""
    if name not in KINDS:
        what, known = f"unknown kind of service '{name}'", ", ".join(KINDS)
        fix = did_you_mean(name, KINDS)
        problem = Problem(where="services", what=what, expected=f"one of: {known}", fix=fix)
        raise SpecError([problem])
    return KINDS[name]


def question_of(service: Service) -> Question:
    """What a canary asks of that service."""
    return kind_of(service.kind).question(service)
