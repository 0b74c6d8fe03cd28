"""Dagster declarations, a folder for each domain; nothing is computed here."""
