"""Forecasting models: pure functions and estimators over arrays."""
