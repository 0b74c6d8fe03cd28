-- Run once by the PostgreSQL image on an empty volume: two databases, each with a role that sees only its own.
\set dagster_password `cat "$DAGSTER_PASSWORD_FILE"`
\set lake_password `cat "$LAKE_PASSWORD_FILE"`

CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE ROLE lake LOGIN PASSWORD :'lake_password';

CREATE DATABASE dagster OWNER dagster;
CREATE DATABASE lake OWNER lake;

REVOKE ALL ON DATABASE dagster, lake, postgres FROM PUBLIC;
