"""PyMySQL, or a clear word about its absence: it is an optional dependency."""

from __future__ import annotations

from chaoslab.errors import RuntimeUnavailable

try:
    import pymysql
except ModuleNotFoundError:
    raise RuntimeUnavailable(
        "a service of kind 'mysql' needs the driver PyMySQL, which is not installed\n"
        "  pip install 'chaoslab[mysql]'"
    ) from None

__all__ = ["pymysql"]
