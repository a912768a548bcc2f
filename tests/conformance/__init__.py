"""The same tests for two servers: the embedded engine and a real Toxiproxy."""
