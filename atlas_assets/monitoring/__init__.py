"""Seeing what runs: logs."""
