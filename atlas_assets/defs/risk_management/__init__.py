"""Risk measures and their backtests."""
