"""Imports PyMySQL, an optional dependency. Raises RuntimeUnavailable if it is missing."""

from __future__ import annotations

from chaoslab.errors import NOT_INSTALLED, Problem, RuntimeUnavailable

try:
    import pymysql
except ModuleNotFoundError:
    missing = NOT_INSTALLED(needed_by="a service of kind 'mysql'", package="PyMySQL")
    fix = "pip install 'chaoslab[mysql]'"
    raise RuntimeUnavailable(Problem(reason=missing, fix=fix)) from None

__all__ = ["pymysql"]
