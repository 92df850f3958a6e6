"""Read usage from the tables; the API and the command line share these functions."""
