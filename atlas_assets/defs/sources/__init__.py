"""Vendors' raw data."""
