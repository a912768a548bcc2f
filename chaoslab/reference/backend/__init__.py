"""The reference backend: the incident's system in small, built as it should have been.

Started as `python -m chaoslab.reference.backend`. It knows nothing of any lab or test and
imports nothing of chaoslab outside this package.
"""

VERSION = "1.0.0"
