"""The history of a run: typed events in a journal to which events are only added."""
