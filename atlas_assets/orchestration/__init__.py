"""Adapters between the house and Dagster: resources, checks, automation and metadata."""
