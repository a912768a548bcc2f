"""The probes: they observe the apps, the services and the lab, and write down what they see."""
