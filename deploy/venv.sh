#!/bin/sh
# Makes .venv and installs into it. Run by the Makefile, from the project's folder.
#
#   deploy/venv.sh run      our packages (editable) and what they need, pinned by constraints.txt
#   deploy/venv.sh tools    then, what tests and checks need
#
# PYTHON=… chooses the interpreter; otherwise python3, then 3.13, 3.12, 3.11, whichever is there and fits.
set -eu

fits='import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$fits" >/dev/null 2>&1; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    say "Messages needs Python 3.11, 3.12 or 3.13, and ${PYTHON:-the python3 on this machine} is none of them:" \
        "install one of these, or name it with PYTHON=/path/to/python."
    exit 1
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "Installing python$version-venv with apt, which Python's venv module needs here."
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >&2
        else
            say "Python's venv module is not installed: install it with 'sudo apt install python$version-venv'."
            exit 1
        fi
    fi
    say "Making .venv with $("$python" --version) ($python)."
    "$python" -m venv --clear .venv
}

.venv/bin/python -c "$fits" >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv

pip() { .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"; }

editable=''
for project in libs/*/pyproject.toml services/*/pyproject.toml deploy/embedded/pyproject.toml; do
    editable="$editable --editable ${project%/pyproject.toml}"
done

case $1 in
run)
    say "Installing the packages; the first time this takes about half a minute and needs the network."
    pip hatchling editables # our packages' build backend, once for all of them instead of once for each
    # shellcheck disable=SC2086 # one word for each package
    pip --no-build-isolation $editable
    ;;
tools)
    say "Installing what tests and checks need."
    pip --requirement tests/requirements.txt
    ;;
esac
touch ".venv/$1.stamp"
