"""The attached runtime: it uses running apps and services, starts and stops nothing, and heals the
faults that it injected.
"""
