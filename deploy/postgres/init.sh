#!/bin/bash
# Runs once, when the data folder is empty: two databases that know nothing of each other, and for each an owner that
# migrates and a role that serves. Serving roles own nothing, so they can neither change a table nor step around
# row-level security. Each may enter its own database only.
set -Eeuo pipefail

psql --set ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres --quiet \
    --set auth_owner="$AUTH_OWNER_PASSWORD" --set auth="$AUTH_PASSWORD" \
    --set messages_owner="$MESSAGES_OWNER_PASSWORD" --set conversations="$CONVERSATIONS_PASSWORD" \
    --set relay="$RELAY_PASSWORD" << 'END'
CREATE ROLE auth_owner LOGIN PASSWORD :'auth_owner';
CREATE ROLE auth LOGIN PASSWORD :'auth';
CREATE ROLE messages_owner LOGIN PASSWORD :'messages_owner';
CREATE ROLE conversations LOGIN PASSWORD :'conversations';
CREATE ROLE relay LOGIN PASSWORD :'relay';
-- Nobody signs in as this one: it owns the function that finds words (conversations' migration of search).
CREATE ROLE finder NOLOGIN;
GRANT finder TO messages_owner;

CREATE DATABASE auth OWNER auth_owner;
CREATE DATABASE conversations OWNER messages_owner;
REVOKE ALL ON DATABASE auth, conversations, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE auth TO auth;
GRANT CONNECT ON DATABASE conversations TO conversations, relay;

\connect auth
ALTER SCHEMA public OWNER TO auth_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO auth;
ALTER DEFAULT PRIVILEGES FOR ROLE auth_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO auth;
ALTER DEFAULT PRIVILEGES FOR ROLE auth_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO auth;

\connect conversations
ALTER SCHEMA public OWNER TO messages_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO conversations, relay;
END
