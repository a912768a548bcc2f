"""Judges a run: computes its verdicts from topology, plan and history. Pure functions."""
