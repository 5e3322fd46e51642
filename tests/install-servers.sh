#!/usr/bin/env bash
# Installs what the tests start for themselves, from Debian's packages, where it is missing:
# redis-server, PostgreSQL, nginx, Chromium with its driver, a keyring, Node.js with an identity provider, and faketime's library, by which a machine's clock is wrong. No service of the system's is started.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
# Debian keeps PostgreSQL's programs out of the path.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
    missing+=(postgresql)
# Nor is nginx in everybody's.
test -x /usr/sbin/nginx || command -v nginx >/dev/null || missing+=(nginx-light)
command -v openssl >/dev/null || missing+=(openssl)
compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(faketime)
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
command -v gnome-keyring-daemon >/dev/null || missing+=(gnome-keyring)
command -v dbus-run-session >/dev/null || missing+=(dbus)
command -v node >/dev/null || missing+=(nodejs)
# By which axe-core comes, that pages are held against, and the provider that people sign in at.
axe="$(dirname "$0")/browser"
provider="$(dirname "$0")/sign-in"
test -d "$axe/node_modules/axe-core" -a -d "$provider/node_modules/oidc-provider" ||
    command -v npm >/dev/null || missing+=(npm)

install_packages() {
    test -d "$axe/node_modules/axe-core" ||
        npm ci --prefix "$axe" --ignore-scripts --no-audit --no-fund --silent
    test -d "$provider/node_modules/oidc-provider" ||
        npm ci --prefix "$provider" --ignore-scripts --no-audit --no-fund --silent
}

if test ${#missing[@]} -eq 0; then
    install_packages
    exit 0
fi

echo "the tests need ${missing[*]}" >&2
if ! command -v apt-get >/dev/null; then
    echo "hint: install them with your system's package manager (Redis, PostgreSQL's server, nginx, openssl, faketime, Chromium with chromedriver, gnome-keyring, dbus, Node.js with npm)" >&2
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
install_packages
