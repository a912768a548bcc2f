"""What an app does in one cell of the matrix: facts read from the history, and a sentence of them.

`described.described` is the entry. Nothing here judges: that is for `verdicts`.
"""
