"""`chaoslab doctor`: what this machine has, what each runtime still lacks, and what fixes it."""
