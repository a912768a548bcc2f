"""Shows the bug without the lab: start the service without Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shared.plain import ended
from shared.waiting import free_port

FOLDER = Path(__file__).parent


def main() -> int:
    """0 if the process ended with success, though its start-up failed."""
    nobody = f"postgresql://127.0.0.1:{free_port()}/none"
    env = {
        **os.environ,
        "PORT": str(free_port()),
        "DATABASE_URL": nobody,
        "PYTHONPATH": str(FOLDER.parent),
    }
    command = [sys.executable, "app.py"]
    ran = subprocess.run(
        command, cwd=FOLDER, env=env, timeout=60, capture_output=True, text=True, check=False
    )
    failed = "start-up failed" in ran.stdout
    print(f"start-up failed: {failed}; exit code {ran.returncode}")
    return ended(observed=failed and ran.returncode == 0, what="it ends with success")


if __name__ == "__main__":
    sys.exit(main())
