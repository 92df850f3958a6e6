"""Webhooks of providers: verify each message, then read states of records from it. One module per provider."""
