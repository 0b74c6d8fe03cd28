"""Figures of this machine, each measured when it is printed: ``make bench``."""
