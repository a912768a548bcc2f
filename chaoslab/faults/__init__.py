"""What goes wrong, and how it heals."""
