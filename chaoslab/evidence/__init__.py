"""Functions that compute facts from the history of a run: times, samples, traffic, and whether a
fault affected the app.
"""
