"""Indicators of prices and order flow: pure functions over arrays and panels."""
