"""One plot for each gold table and for the reconciliation: what a person would look at first."""
