"""The embedded proxy: Toxiproxy's HTTP API and toxics, and connect-phase faults beyond it."""
