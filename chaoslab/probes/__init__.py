"""The probes: they observe the apps, the services and the lab, and record what they observe."""
