"""Compare the ledger with a provider's own list of calls: what is missing, has another length, or is extra."""
