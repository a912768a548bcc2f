"""`chaoslab doctor`: what this machine has, what each runtime lacks, and what fixes it."""
