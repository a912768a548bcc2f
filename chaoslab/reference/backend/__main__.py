"""`python -m chaoslab.reference.backend`: exit 0 stopped, 1 port taken, 2 settings, 3 start-up."""

from __future__ import annotations

import gc
import sys

from chaoslab.reference.backend.settings import SettingsError, from_environment

EXIT_SETTINGS = 2


def main() -> int:
    """Read the environment, then serve; returns the exit status."""
    try:
        settings = from_environment()
    except SettingsError as error:
        print("the environment cannot be used:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return EXIT_SETTINGS
    # Imported only now: a mistake in the environment is told at once. Nothing that an import
    # makes is garbage, so looking for some meanwhile only costs time.
    gc.disable()
    from chaoslab.reference.backend import server  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    return server.run(settings)


if __name__ == "__main__":
    sys.exit(main())
