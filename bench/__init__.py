"""Measures Talkmeter on this machine: `make bench`. Ratios within one run are what counts; machines differ."""
