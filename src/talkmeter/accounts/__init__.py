"""Storage of credentials, browser sessions, sign-in links and connector secrets."""
