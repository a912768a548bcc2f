"""What the services of the field corpus and their scripts share. It imports nothing of chaoslab."""
