"""The lab's own proxy: Toxiproxy's HTTP API and toxics, and faults of the connect phase."""
