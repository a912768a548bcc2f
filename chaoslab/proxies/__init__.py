"""Controls the proxies on the links: one interface for the embedded engine and a real Toxiproxy."""
