"""Who sits on a link: one control path for the embedded engine and a real Toxiproxy."""
