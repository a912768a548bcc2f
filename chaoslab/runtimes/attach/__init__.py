"""The runtime that starts and stops nothing: it uses what runs already, and heals its faults."""
