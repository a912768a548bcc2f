"""The data types that describe what is under test: topology, health contract, plan and load. Pure
and frozen.
"""
