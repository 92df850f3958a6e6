"""Records and daily totals, kept together: one batch, one transaction."""
