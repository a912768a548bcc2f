"""`chaoslab run`: every fault on every link, at boot and while the app runs; what the app does."""
