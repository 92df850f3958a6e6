"""The ledger against a stack's own list of calls: what was missed, what is another length, what the stack lacks."""
