"""Budgets: limits of usage and cost, and a warning when a figure crosses a part of its limit."""
