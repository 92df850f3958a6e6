"""Writes records and daily totals together (one batch, one transaction), and verifies and copies them."""
