"""One of each that chaoslab can be extended by: a fault, an expectation, a service, a column."""
