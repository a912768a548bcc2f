"""What happened: typed events in an append-only journal."""
