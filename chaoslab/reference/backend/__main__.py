"""`python -m chaoslab.reference.backend`: exit 0 stopped, 1 port taken, 2 settings, 3 start-up."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict, Unpack

from chaoslab.reference.backend.settings import Reader, SettingsError, from_environment, read

if TYPE_CHECKING:
    from chaoslab.reference.backend.health import HealthChecks
    from chaoslab.reference.backend.parts import Parts
    from chaoslab.reference.backend.sequence import Phase, StartUp

EXIT_SETTINGS = 2


class Build(TypedDict, total=False):
    """What another build hands in, as `server.run` takes it."""

    phases: Sequence[Phase]
    parts: Parts
    health: HealthChecks
    sequence: StartUp


def main(*, reader: Reader = read, **build: Unpack[Build]) -> int:
    """Read the environment, then serve; returns the exit status."""
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
