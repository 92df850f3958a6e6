#!/bin/sh
# Runs once, when PostgreSQL creates its cluster: a role for the servers, which cannot change tables.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --set password="$TALKMETER_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE talkmeter LOGIN PASSWORD :'password';
REVOKE ALL ON DATABASE usage FROM PUBLIC;
GRANT CONNECT ON DATABASE usage TO talkmeter;
ALTER DEFAULT PRIVILEGES FOR ROLE usage_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO talkmeter;
SQL
