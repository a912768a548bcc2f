"""Tests of the faults as data: no process, no socket."""
