"""Moods, posts and news: one module a vendor."""
