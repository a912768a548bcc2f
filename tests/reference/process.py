"""The backend as a process: a port, a log, an exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from .servers import free_port

Json = dict[str, Any]
# No other variable of the test's environment is passed to the backend.
PASSED_ON = ("PATH", "PYTHONPATH")
# Making a TLS context for every request would cost more than the requests.
ONE_SHOT = httpx.Limits(max_keepalive_connections=0)


GOOD = "chaoslab.reference.backend"


class BackendProcess:
    """One run of the backend, or of a defective build: `python -m MODULE`."""

    def __init__(self, environment: dict[str, str], log: Path, *, module: str = GOOD) -> None:
        self.port = int(environment.setdefault("PORT", str(free_port())))
        self.began = time.monotonic()
        self._log = log
        base = f"http://127.0.0.1:{self.port}"
        self._client = httpx.Client(base_url=base, limits=ONE_SHOT, trust_env=False)
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                env={k: os.environ[k] for k in PASSED_ON if k in os.environ} | environment,
                stderr=stream,
            )

    def get(self, path: str, timeout_s: float = 5.0) -> httpx.Response:
        """One GET on a new connection."""
        return self._client.get(path, timeout=timeout_s)

    def post(self, path: str, body: Json, timeout_s: float = 5.0) -> httpx.Response:
        """One POST on a new connection."""
        return self._client.post(path, json=body, timeout=timeout_s)

    def status(self) -> str:
        """The `status` of /health, or `unreachable`."""
        try:
            return str(self.get("/health").json()["status"])
        except httpx.TransportError:
            return "unreachable"

    def wait_for(self, status: str, limit_s: float) -> Json:
        """The body of /health when it has this status."""
        deadline = time.monotonic() + limit_s
        while self.status() != status:
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"not {status} within {limit_s} s:\n{self.log}")
            time.sleep(0.01)
        body: Json = self.get("/health").json()
        return body

    def wait_exit(self, limit_s: float) -> int:
        """The exit status, within the limit."""
        return self.process.wait(limit_s)

    @property
    def log(self) -> str:
        """All that it wrote to stderr."""
        return self._log.read_text()

    def stop(self) -> float:
        """Send SIGTERM; returns the seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill it."""
        self._client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
