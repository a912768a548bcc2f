"""Runs a service without the lab, and prints what was observed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.waiting import HOST, free_port, wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that runs."""

    port: int
    process: subprocess.Popen[bytes]

    def ask(
        self, path: str, body: object = None, limit_s: float = 3.0, user: str = ""
    ) -> tuple[int, Any]:
        """Status and JSON of an answer. Status 0 and the cause if none came within `limit_s`."""
        data = None if body is None else json.dumps(body).encode()
        url, headers = f"http://{HOST}:{self.port}{path}", {"X-User": user} if user else {}
        request = urllib.request.Request(url, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=limit_s) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)
        except OSError as error:
            return 0, repr(error)

    def keep(self, note: str, user: str = "") -> int:
        """The status of the answer to a note that is to be kept, for a user."""
        return self.ask("/notes", {"id": note}, user=user)[0]

    def word(self) -> str:
        """The word of /health; empty without an answer."""
        status, answer = self.ask("/health")
        return answer["status"] if status == 200 else ""


@contextmanager
def service(script: str, **env: str) -> Iterator[Service]:
    """The service in the folder of `script`, once it is healthy."""
    folder, port = Path(script).parent, free_port()
    command = ["node", "app.mjs"] if (folder / "app.mjs").exists() else [sys.executable, "app.py"]
    variables = {**os.environ, "PORT": str(port), "PYTHONPATH": str(folder.parent), **env}
    with subprocess.Popen(command, cwd=folder, env=variables) as process:
        running = Service(port=port, process=process)
        try:
            wait_until(lambda: process.poll() is not None or running.word() == "healthy")
            if process.poll() is not None:
                raise RuntimeError(f"the service ended with exit code {process.returncode}")
            if running.word() != "healthy":
                raise TimeoutError("the service does not become healthy")
            yield running
        finally:
            process.kill()


def ended(*, observed: bool, what: str) -> int:
    """Print whether the bug was observed; the exit code of the script."""
    print(f"{'observed' if observed else 'not observed'}: {what}", flush=True)
    return 0 if observed else 1
