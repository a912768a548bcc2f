"""The proxies on the links: one control for the embedded engine and for a real Toxiproxy."""
