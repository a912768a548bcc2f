"""The folders that `odd_folders.py` tries: one module for each group."""
