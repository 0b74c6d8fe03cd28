"""The dbt project's tables."""
