"""Health bodies of public conventions, each as an app of that convention sends it.

Sources: draft-inadarei-api-health-check-06 (IETF health+json); the Spring Boot reference, Actuator,
"Health Information"; "Health checks in ASP.NET Core" and the response writer of the package
AspNetCore.HealthChecks.UI.Client; MicroProfile Health 4.0; the HTTP API of Consul, "Health".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from chaoslab.model.dialects import DialectName

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An answer, and what it means by the contract of its dialect."""

    dialect: DialectName
    status_code: int
    body: object
    state: str
    word: str | None
    dependencies: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON

    @property
    def raw(self) -> bytes:
        """The body as bytes: a text as it is, anything else as JSON."""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def _check(name: str, status: str, **more: object) -> dict[str, object]:
    return {"Node": "n1", "CheckID": name, "Name": f"Check of {name}", "Status": status, **more}


IETF = [
    Sent(
        dialect="ietf",
        status_code=200,
        content_type="application/health+json",
        body={
            "status": "warn",
            "version": "1",
            "releaseId": "1.2.2",
            "notes": [""],
            "output": "",
            "checks": {
                "cassandra:responseTime": [
                    {
                        "componentId": "dfd6cf2b",
                        "componentType": "datastore",
                        "observedValue": 250,
                        "observedUnit": "ms",
                        "status": "pass",
                        "output": "",
                    },
                ],
                "cassandra:connections": [
                    {"componentType": "datastore", "observedValue": 75, "status": "warn"},
                    {"componentType": "datastore", "observedValue": 3, "status": "pass"},
                ],
                "uptime": [{"componentType": "system", "observedValue": 12.2, "status": "pass"}],
            },
        },
        state="degraded",
        word="warn",
        dependencies={"cassandra": "warn", "uptime": "pass"},
    ),
    Sent(
        dialect="ietf",
        status_code=503,
        content_type="application/health+json; charset=utf-8",
        body={"status": "fail", "output": "no connection"},
        state="unhealthy",
        word="fail",
    ),
]
SPRING = [
    Sent(
        dialect="spring",
        status_code=200,
        content_type="application/vnd.spring-boot.actuator.v3+json",
        body={
            "status": "UP",
            "components": {
                "db": {
                    "status": "UP",
                    "components": {
                        "first": {"status": "UP", "details": {"database": "PostgreSQL"}},
                        "second": {"status": "UP", "details": {"database": "PostgreSQL"}},
                    },
                },
                "diskSpace": {"status": "UP", "details": {"total": 1, "free": 1, "exists": True}},
                "ping": {"status": "UP"},
            },
            "groups": ["liveness", "readiness"],
        },
        state="healthy",
        word="UP",
        dependencies={"db": "UP", "diskSpace": "UP", "ping": "UP"},
    ),
    Sent(
        dialect="spring",
        status_code=503,
        body={
            "status": "DOWN",
            "details": {
                "db": {"status": "UP", "details": {"database": "PostgreSQL", "hello": 1}},
                "redis": {"status": "DOWN", "details": {"error": "no connection"}},
            },
        },
        state="unhealthy",
        word="DOWN",
        dependencies={"db": "UP", "redis": "DOWN"},
    ),
]
ASPNET = [
    Sent(
        dialect="aspnet",
        status_code=200,
        body={
            "status": "Degraded",
            "totalDuration": "00:00:00.1270000",
            "entries": {
                "npgsql": {"data": {}, "duration": "00:00:00.12", "status": "Healthy", "tags": []},
                "redis": {
                    "data": {},
                    "description": "no connection",
                    "duration": "00:00:00.05",
                    "exception": "no connection",
                    "status": "Degraded",
                    "tags": ["ready"],
                },
            },
        },
        state="degraded",
        word="Degraded",
        dependencies={"npgsql": "Healthy", "redis": "Degraded"},
    ),
    Sent(
        dialect="aspnet",
        status_code=503,
        body={
            "status": "Unhealthy",
            "results": {"sample": {"status": "Unhealthy", "description": None, "data": {}}},
        },
        state="unhealthy",
        word="Unhealthy",
        dependencies={"sample": "Unhealthy"},
    ),
]
MICROPROFILE = [
    Sent(
        dialect="microprofile",
        status_code=503,
        body={
            "status": "DOWN",
            "checks": [
                {"name": "db", "status": "UP", "data": {"connection": "default"}},
                {"name": "cache", "status": "DOWN"},
            ],
        },
        state="unhealthy",
        word="DOWN",
        dependencies={"db": "UP", "cache": "DOWN"},
    ),
]
CONSUL = [
    Sent(
        dialect="consul",
        status_code=429,
        body=[_check("db", "passing", Output="ok"), _check("cache", "warning")],
        state="degraded",
        word="warning",
        dependencies={"db": "passing", "cache": "warning"},
    ),
    Sent(
        dialect="consul",
        status_code=200,
        body=[_check("db", "warning"), _check("cache", "critical"), _check("mail", "passing")],
        state="unhealthy",
        word="critical",
        dependencies={"db": "warning", "cache": "critical", "mail": "passing"},
    ),
    Sent(
        dialect="consul",
        status_code=200,
        body=[{"Name": "db", "Status": "passing"}],
        state="healthy",
        word="passing",
        dependencies={"db": "passing"},
    ),
]
BOOLEANS = [
    Sent(
        dialect="booleans",
        status_code=200,
        body={"database": True, "cache": True},
        state="healthy",
        word="all true",
        dependencies={"database": "true", "cache": "true"},
    ),
    Sent(
        dialect="booleans",
        status_code=200,
        body={"database": True, "cache": False},
        state="degraded",
        word="some false",
        dependencies={"database": "true", "cache": "false"},
    ),
    Sent(
        dialect="booleans",
        status_code=503,
        body={"database": False},
        state="unhealthy",
        word="all false",
        dependencies={"database": "false"},
    ),
]
TEXT = [
    Sent(
        dialect="text",
        status_code=200,
        content_type="text/plain; charset=utf-8",
        body="OK\n",
        state="healthy",
        word="OK",
    ),
    Sent(
        dialect="text",
        status_code=200,
        content_type="text/html",
        body="Degraded",
        state="degraded",
        word="Degraded",
    ),
    Sent(
        dialect="text",
        status_code=503,
        content_type="text/plain",
        body="Unhealthy",
        state="unhealthy",
        word="Unhealthy",
    ),
    Sent(dialect="text", status_code=200, body='"healthy"', state="healthy", word="healthy"),
    Sent(dialect="text", status_code=200, body="true", state="healthy", word="true"),
]
STATUS_CODE = [
    Sent(
        dialect="status_code",
        status_code=200,
        content_type="text/plain",
        body="pong",
        state="healthy",
        word="pong",
    ),
    Sent(dialect="status_code", status_code=204, body="", state="healthy", word=None),
    Sent(dialect="status_code", status_code=200, body={"up_s": 3}, state="healthy", word=None),
]
SENT = [*IETF, *SPRING, *ASPNET, *MICROPROFILE, *CONSUL, *BOOLEANS, *TEXT, *STATUS_CODE]
