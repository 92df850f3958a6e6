"""Suggest a map for a file, from its columns and first rows."""
