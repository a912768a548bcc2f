"""One body of tests for two servers: the embedded engine and a real Toxiproxy."""
