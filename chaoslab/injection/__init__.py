"""Injects the faults of a plan: waits for their triggers, applies, checks and heals them."""
