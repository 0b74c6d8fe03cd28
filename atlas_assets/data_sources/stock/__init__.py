"""Stock markets: one module a vendor."""
