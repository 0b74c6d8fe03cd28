"""Streams: what was added to their tables, and the sensor that notices it."""
