#!/bin/sh
# `make up` and `make down`. Needs Docker with its compose plugin, nothing else.
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

up() {
    deploy/secrets.sh
    if ! docker compose up --detach --build --wait; then
        say "Not every part became healthy. 'docker compose ps --all' says which, 'docker compose logs NAME' says why," \
            "and docs/runbook.md what to do about it." >&2
        exit 1
    fi
    origin=${PUBLIC_ORIGIN:-http://localhost:${PORT:-8080}}
    say "" "Messages is up." ""
    say "  Staff      $origin/messaging"
    say "  Patients   $origin/portal/messages"
    if [ "${DEMO:-off}" = on ]; then
        say "" "  The demo clinic: nora@harbor.example, dmitri@harbor.example, rosa@harbor.example (staff);"
        say "  ada@patients.example, maria@patients.example (patients). Every password is messages-demo."
    fi
    say "" "  Logs: docker compose logs -f     Stop and keep the data: docker compose stop"
    say "  Stop and delete everything, data included: make down"
}

down() {
    deploy/secrets.sh # compose reads these files even to take down
    docker compose --profile '*' down --volumes --remove-orphans
    for image in auth conversations staff-gateway portal-gateway; do
        docker image rm "messages/$image" >/dev/null 2>&1 || true # not built
    done
    rm -rf deploy/secrets
}

"$1"
