"""Tone of news and posts: pure functions over texts and frames of documents."""
