"""What the records of a run show: times, samples, traffic, and whether a fault affected the app."""
