#!/bin/sh
# Makes the secrets of `make up`: deploy/secrets/, readable by its owner only and ignored by git.
# Each secret is made once and kept in deploy/secrets/values; a release that needs another adds it. From these come the
# files one container each is told: its own secrets and nobody else's, and behind them the operator's settings for it,
# which stand beside the folder and are only read: deploy/conversations.env for conversations.
set -eu
umask 077

folder=${1:-deploy/secrets}
settings=$(dirname "$folder")
mkdir -p "$folder"
touch "$folder/values"

secret() { # the value of a name, made where it is missing
    if ! grep -q "^$1=" "$folder/values"; then
        printf '%s=%s\n' "$1" "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >> "$folder/values"
    fi
    sed -n "s/^$1=//p" "$folder/values"
}

write() { # the container's name; its lines come on standard input
    cat > "$folder/$1.env.new"
    [ ! -e "$settings/$1.env" ] || cat "$settings/$1.env" >> "$folder/$1.env.new"
    mv "$folder/$1.env.new" "$folder/$1.env"
}

database() { printf 'postgresql+psycopg://%s:%s@postgres:5432/%s' "$1" "$(secret "database_$1")" "$2"; }
broker() { printf 'amqp://%s:%s@rabbitmq:5672/%%2F' "$1" "$(secret "broker_$1")"; }

write postgres << END
POSTGRES_PASSWORD=$(secret database_postgres)
AUTH_OWNER_PASSWORD=$(secret database_auth_owner)
AUTH_PASSWORD=$(secret database_auth)
MESSAGES_OWNER_PASSWORD=$(secret database_messages_owner)
CONVERSATIONS_PASSWORD=$(secret database_conversations)
RELAY_PASSWORD=$(secret database_relay)
END

write rabbitmq << END
AUTH_PASSWORD=$(secret broker_auth)
CONVERSATIONS_PASSWORD=$(secret broker_conversations)
RELAY_PASSWORD=$(secret broker_relay)
STAFF_GATEWAY_PASSWORD=$(secret broker_staff-gateway)
PORTAL_GATEWAY_PASSWORD=$(secret broker_portal-gateway)
END

write auth << END
AUTH_DATABASE_URL=$(database auth auth)
BROKER_URL=$(broker auth)
AUTH_SECRET=$(secret auth)
STAFF_GATEWAY_SECRET=$(secret client_staff-gateway)
PORTAL_GATEWAY_SECRET=$(secret client_portal-gateway)
CONVERSATIONS_SECRET=$(secret client_conversations)
END

write auth-migrate << END
AUTH_DATABASE_URL=$(database auth_owner auth)
AUTH_SECRET=$(secret auth)
END

write conversations << END
CONVERSATIONS_DATABASE_URL=$(database conversations conversations)
BROKER_URL=$(broker conversations)
CONVERSATIONS_SECRET=$(secret client_conversations)
END

write conversations-migrate << END
CONVERSATIONS_DATABASE_URL=$(database messages_owner conversations)
END

write relay << END
RELAY_DATABASE_URL=$(database relay conversations)
BROKER_URL=$(broker relay)
CONVERSATIONS_SECRET=$(secret client_conversations)
END

write staff-gateway << END
BROKER_URL=$(broker staff-gateway)
GATEWAY_SECRET=$(secret client_staff-gateway)
SESSION_SECRET=$(secret session_staff-gateway)
END

write portal-gateway << END
BROKER_URL=$(broker portal-gateway)
GATEWAY_SECRET=$(secret client_portal-gateway)
SESSION_SECRET=$(secret session_portal-gateway)
END
