"""Tests of the one control path."""
