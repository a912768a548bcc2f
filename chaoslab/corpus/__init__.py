"""Builds with known defects: each must be refused by the gate's scenarios, for its own reason."""
