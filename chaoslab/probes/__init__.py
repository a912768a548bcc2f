"""Who watches, from outside."""
