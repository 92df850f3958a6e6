"""Who may ask and who may send: credentials, sessions, sign-in links and connector secrets."""
