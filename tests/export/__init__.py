"""Tests of chaoslab.export."""
