"""Defective builds of the backend: one file for each defect that the real system had.

Each is started as `python -m chaoslab.reference.defects.<name>` in place of the backend, and
replaces one part of the good build. A comment block at the top of each file has, as TOML, what the
defect does, its symptom, and the verdict that must refuse it.
"""
