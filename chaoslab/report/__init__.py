"""The history and its verdicts, for people."""
