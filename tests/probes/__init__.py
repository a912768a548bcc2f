"""Tests of the probes, against real servers in small."""
