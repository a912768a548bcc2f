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
    """Read the settings from the environment and serve until the end; returns the exit status.

    `build` has the parts that a defective build replaces.
    """
    try:
        settings = from_environment(reader)
    except SettingsError as error:
        print("the environment cannot be used:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return EXIT_SETTINGS
    # Imported here, so that a mistake in the environment is reported at once. Imports make no
    # garbage, so collections meanwhile would only take time.
    gc.disable()
    from chaoslab.reference.backend import server  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    return server.run(settings, **build)


if __name__ == "__main__":
    sys.exit(main())
