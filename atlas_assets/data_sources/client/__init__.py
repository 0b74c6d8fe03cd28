"""One HTTP client for every vendor: retries, limits, size bounds, and no secret written anywhere."""
