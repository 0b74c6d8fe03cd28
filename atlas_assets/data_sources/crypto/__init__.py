"""Crypto markets: one module a vendor."""
