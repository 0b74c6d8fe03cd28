"""Fitted models and forecasts."""
