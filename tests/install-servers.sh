#!/usr/bin/env bash
# Installs what the tests start for themselves, from Debian's packages, where it is missing:
# redis-server, PostgreSQL, Chromium with its driver, and faketime's library, by which a machine's clock is wrong. No service of the system's is started.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
# Debian keeps PostgreSQL's programs out of the path.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
    missing+=(postgresql)
compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(faketime)
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
# By which axe-core comes, that pages are held against.
axe="$(dirname "$0")/browser"
test -d "$axe/node_modules/axe-core" || command -v npm >/dev/null || missing+=(npm)

install_axe() {
    test -d "$axe/node_modules/axe-core" ||
        npm ci --prefix "$axe" --ignore-scripts --no-audit --no-fund --silent
}

if test ${#missing[@]} -eq 0; then
    install_axe
    exit 0
fi

echo "the tests need ${missing[*]}" >&2
if ! command -v apt-get >/dev/null; then
    echo "hint: install them with your system's package manager (Redis, PostgreSQL's server, faketime, Chromium with chromedriver, npm)" >&2
    exit 1
fi
as_root=()
if test "$(id -u)" -ne 0; then
    if ! command -v sudo >/dev/null; then
        echo "hint: as root, run: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
# RUNLEVEL=1 keeps the packages from starting their services.
as_root+=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
install_axe
