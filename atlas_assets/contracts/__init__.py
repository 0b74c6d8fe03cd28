"""The schema of every table in the lake, written once.

``tables`` lists the tables (cheap to import); ``raw``, ``silver`` and ``gold`` hold one Pandera
model each table; ``schema`` derives Arrow schemas, SQL types and documentation from a model.
"""
