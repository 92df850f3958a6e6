"""Plans, prices, costs and statements: how usage becomes money (docs/reference/pricing.md)."""
