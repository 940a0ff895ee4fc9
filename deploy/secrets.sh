#!/bin/sh
# Makes the secrets of `make up`, once: deploy/secrets/*.env, readable by their owner only and ignored by git.
# One file a container, so that each is told its own secrets and nobody else's.
set -eu
umask 077

folder=${1:-deploy/secrets}
[ -e "$folder/made" ] && exit 0
mkdir -p "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

write() { # the file's name; its lines come on standard input
    cat > "$folder/$1.env.new"
    mv "$folder/$1.env.new" "$folder/$1.env"
}

database() { printf 'postgresql+psycopg://%s:%s@postgres:5432/%s' "$1" "$2" "$3"; }
broker() { printf 'amqp://%s:%s@rabbitmq:5672/%%2F' "$1" "$2"; }

auth_owner=$(random) auth_role=$(random) messages_owner=$(random) conversations_role=$(random) relay_role=$(random)
auth_user=$(random) conversations_user=$(random) relay_user=$(random) staff_user=$(random) portal_user=$(random)
staff_client=$(random) portal_client=$(random) conversations_client=$(random)
auth_secret=$(random) staff_session=$(random) portal_session=$(random)

write postgres << END
POSTGRES_PASSWORD=$(random)
AUTH_OWNER_PASSWORD=$auth_owner
AUTH_PASSWORD=$auth_role
MESSAGES_OWNER_PASSWORD=$messages_owner
CONVERSATIONS_PASSWORD=$conversations_role
RELAY_PASSWORD=$relay_role
END

write rabbitmq << END
AUTH_PASSWORD=$auth_user
CONVERSATIONS_PASSWORD=$conversations_user
RELAY_PASSWORD=$relay_user
STAFF_GATEWAY_PASSWORD=$staff_user
PORTAL_GATEWAY_PASSWORD=$portal_user
END

write auth << END
AUTH_DATABASE_URL=$(database auth "$auth_role" auth)
BROKER_URL=$(broker auth "$auth_user")
AUTH_SECRET=$auth_secret
STAFF_GATEWAY_SECRET=$staff_client
PORTAL_GATEWAY_SECRET=$portal_client
CONVERSATIONS_SECRET=$conversations_client
END

write auth-migrate << END
AUTH_DATABASE_URL=$(database auth_owner "$auth_owner" auth)
AUTH_SECRET=$auth_secret
END

write conversations << END
CONVERSATIONS_DATABASE_URL=$(database conversations "$conversations_role" conversations)
BROKER_URL=$(broker conversations "$conversations_user")
CONVERSATIONS_SECRET=$conversations_client
END

write conversations-migrate << END
CONVERSATIONS_DATABASE_URL=$(database messages_owner "$messages_owner" conversations)
END

write relay << END
RELAY_DATABASE_URL=$(database relay "$relay_role" conversations)
BROKER_URL=$(broker relay "$relay_user")
CONVERSATIONS_SECRET=$conversations_client
END

write staff-gateway << END
BROKER_URL=$(broker staff-gateway "$staff_user")
GATEWAY_SECRET=$staff_client
SESSION_SECRET=$staff_session
END

write portal-gateway << END
BROKER_URL=$(broker portal-gateway "$portal_user")
GATEWAY_SECRET=$portal_client
SESSION_SECRET=$portal_session
END

: > "$folder/made"
