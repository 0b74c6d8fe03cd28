#!/bin/sh
# Turns the mounted password files into PostgreSQL's own password file, then becomes the service.
# So no password stands in an address, in an argument or in the environment, and both Dagster and the lake find it.
# libpq wants that file private to its user, which a mounted secret cannot be.
set -eu

secrets=${ATLAS_SECRETS:-/run/secrets}
umask 077
: > "$PGPASSFILE"
for role in dagster lake; do
    file=$secrets/${role}_password
    if [ -e "$file" ]; then
        password=$(sed 's/[\\:]/\\&/g' "$file")
        printf '*:*:%s:%s:%s\n' "$role" "$role" "$password" >> "$PGPASSFILE"
    fi
done

umask 022
exec "$@"
