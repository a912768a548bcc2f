"""The reference backend: a small version of the incident's system, without its defects.

Started as `python -m chaoslab.reference.backend`. It has no code for labs or tests, and imports
nothing of chaoslab outside this package.
"""

VERSION = "1.0.0"
