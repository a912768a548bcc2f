"""Tests of the staged gate."""
