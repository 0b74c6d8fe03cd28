"""Risk measures and their backtests: pure functions over arrays."""
