"""Tests of the faults, on a real engine and real servers."""
