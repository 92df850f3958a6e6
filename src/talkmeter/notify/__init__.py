"""Messages to webhooks and e-mail addresses: stored with the change that causes them, delivered at least once."""
