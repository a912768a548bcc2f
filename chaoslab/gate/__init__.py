"""The staged gate: scenarios in order, thresholds, rules that stop it, one decision."""
