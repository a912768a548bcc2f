"""Known-bad builds of the backend: one file per defect that the real system had.

Each is run as `python -m chaoslab.reference.defects.<name>` in place of the backend. It plants its
one mistake through the seams of the good build. What it does, whom it hurts and which verdict must
refuse it stands at the head of the file as TOML in a comment block, so that it is read as data.
"""
