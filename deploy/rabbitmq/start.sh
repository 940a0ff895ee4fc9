#!/bin/bash
# Writes the broker's users with the passwords of its environment, then starts it. Nothing else makes users: no guest.
set -Eeuo pipefail
umask 077
names='AUTH_PASSWORD CONVERSATIONS_PASSWORD RELAY_PASSWORD STAFF_GATEWAY_PASSWORD PORTAL_GATEWAY_PASSWORD'
definitions=$(< /etc/messages/definitions.json)
for name in $names; do
    definitions=${definitions//"{{$name}}"/"${!name:?}"}
    unset "$name"
done
printf '%s\n' "$definitions" > /tmp/definitions.json
exec docker-entrypoint.sh rabbitmq-server
