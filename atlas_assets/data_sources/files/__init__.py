"""Files that people drop: how a mapping is declared, and how CSV, JSON and Parquet of any quality are read."""
