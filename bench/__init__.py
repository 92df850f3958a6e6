"""Benchmarks of Talkmeter, run by `make bench`. Compare ratios within one run; absolute figures differ by machine."""
