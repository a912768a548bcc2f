"""How many examples Hypothesis draws: few and always the same ones, or many new ones.

`quick` is the profile of every run. Its examples depend on the test alone, so no build fails by
chance. `thorough` is chosen by `pytest --hypothesis-profile=thorough`: twenty times as many, other
ones each time. An example that fails is kept in `.hypothesis/` and tried first the next time.

Neither limits the time of an example, nor the time to draw it: both depend on what else runs on the
machine, and say nothing about the property.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

QUICK = 100
THOROUGH = 20 * QUICK


def register() -> None:
    """Make both profiles known, and choose `quick`."""
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("quick", common, max_examples=QUICK, derandomize=True, database=None)
    settings.register_profile("thorough", common, max_examples=THOROUGH, print_blob=True)
    settings.load_profile("quick")


def examples(quick: int) -> settings:
    """So many examples in `quick`, and in proportion in any other profile."""
    return settings(max_examples=max(1, quick * settings.default.max_examples // QUICK))
