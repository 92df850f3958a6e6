"""Turn received bytes into records: decode, validate, normalize."""
