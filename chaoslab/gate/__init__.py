"""The gate: it runs scenarios in stages and decides whether a build may be released."""
