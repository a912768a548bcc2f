"""Tests of faults in force, on a real engine and real servers."""
