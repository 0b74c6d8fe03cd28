"""Macroeconomic series: one module a vendor."""
