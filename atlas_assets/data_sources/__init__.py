"""Vendors' market data: one HTTP client, and one small class a dataset.

A class asks (``queries``), fetches (``extract``: bytes as received) and reads (``transform``: bytes to
a table, pure). ``registry.create`` builds one from the settings. To add a source, write its class in
a file of its own and name it in ``registry.SOURCES``.
"""
