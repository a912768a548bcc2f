"""Checks a deployment file, and the connections that it declares, before anything starts."""
