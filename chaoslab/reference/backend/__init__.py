"""The incident's backend in small."""
