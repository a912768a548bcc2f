"""Controls the proxies on the links, of the embedded engine and of a real Toxiproxy alike."""
