"""Tables in, answers out: page, API and command line read through the same functions."""
