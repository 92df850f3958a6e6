"""Bytes in, records out: decode, validate, normalise."""
