"""The schema's history: every database is brought to this version by the same steps."""
