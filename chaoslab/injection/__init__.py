"""How a fault is put in force: the schedule, the canary, the actions, the heal."""
