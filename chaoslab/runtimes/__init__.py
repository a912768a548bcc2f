"""Where a topology runs."""
