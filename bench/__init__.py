"""Measurements against the bars of the project: `make bench`. Nothing here is asserted; it prints and writes what it finds."""
