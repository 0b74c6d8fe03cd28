"""Groupings of instruments and of time: pure functions over arrays."""
