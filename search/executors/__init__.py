"""Where designs are evaluated: one interface, `map` over batches, results in order."""
