#!/bin/sh
# `make up` and `make down`. Needs Docker with its compose plugin, nothing else.
#
# What was chosen at the first `make up` (PORT, DEMO, …) stays chosen: it is kept in .env, which compose reads, so that a
# later `make up` or `docker compose up` neither moves the address nor seeds the demo clinic into a real one.
set -eu

say() { printf '%s\n' "$@"; }

if ! docker compose version >/dev/null 2>&1; then
    say "Docker with its compose plugin is not installed; see https://docs.docker.com/engine/install/." >&2
    exit 1
fi
if ! docker info >/dev/null 2>&1; then
    say "No Docker engine answers: start it, or join the group 'docker'." >&2
    exit 1
fi

chosen() { # the environment's value of a name, else the one kept, else a default
    eval "given=\${$1-}"
    [ -n "$given" ] || [ ! -e .env ] || given=$(sed -n "s/^$1=//p" .env)
    printf '%s' "${given:-$2}"
}

keep_choices() {
    PORT=$(chosen PORT 8080) DEMO=$(chosen DEMO on) PUBLIC_ORIGIN=$(chosen PUBLIC_ORIGIN "")
    AUTH_PASSWORD_GRANT=$(chosen AUTH_PASSWORD_GRANT "") LOG_LEVEL=$(chosen LOG_LEVEL "")
    COMPOSE_FILE=$(chosen COMPOSE_FILE "")
    {
        say "# Kept by deploy/compose.sh: what was chosen when 'make up' ran."
        for name in PORT DEMO PUBLIC_ORIGIN AUTH_PASSWORD_GRANT LOG_LEVEL COMPOSE_FILE; do
            eval "value=\$$name"
            [ -z "$value" ] || say "$name=$value"
        done
    } > .env.new
    mv .env.new .env
    unset AUTH_PASSWORD_GRANT LOG_LEVEL COMPOSE_FILE
}

up() {
    deploy/secrets.sh
    keep_choices
    # Compose gives up on a part that was unhealthy when it looked, even if what that part waits for is just starting.
    attempt=1
    until docker compose up --detach --build --wait; do
        attempt=$((attempt + 1))
        if [ "$attempt" -gt 4 ]; then
            say "Not every part became healthy. 'docker compose ps --all' says which, 'docker compose logs NAME' says why," \
                "and docs/runbook.md what to do about it." >&2
            exit 1
        fi
        sleep 10
    done
    origin=${PUBLIC_ORIGIN:-http://localhost:$PORT}
    say "" "Messages is up." "" "  Staff      $origin/messaging" "  Patients   $origin/portal/messages"
    if [ "$DEMO" = on ]; then
        say "" "  The demo clinic (every password is messages-demo):" \
            "    nora@harbor.example, dmitri@harbor.example, rosa@harbor.example    staff" \
            "    ada@patients.example, maria@patients.example                       patients"
    fi
    say "" "  Logs: docker compose logs -f     Stop and keep the data: docker compose stop" \
        "  Stop and delete everything, data included: make down"
}

down() {
    deploy/secrets.sh # compose reads these files even to take down
    docker compose down --volumes --remove-orphans
    for image in auth conversations staff-gateway portal-gateway; do
        docker image rm "messages/$image" >/dev/null 2>&1 || true # not built
    done
    rm -rf deploy/secrets .env
    say "Nothing is left: no container, network, volume or image of Messages."
}

"$1"
