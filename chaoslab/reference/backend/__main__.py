"""`python -m chaoslab.reference.backend`: exit 0 stopped, 1 port taken, 2 settings, 3 start-up."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Unpack

from chaoslab.reference.backend.settings import Reader, SettingsError, from_environment, read

if TYPE_CHECKING:
    from chaoslab.reference.backend.server import Build

EXIT_SETTINGS = 2


def main(*, reader: Reader = read, **build: Unpack[Build]) -> int:
    """Read the environment, then serve; returns the exit status. `build` differs from the good."""
    try:
        settings = from_environment(reader)
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
    return server.run(settings, **build)


if __name__ == "__main__":
    sys.exit(main())
