#!/usr/bin/env bash
# Installs what the tests start for themselves, from Debian's packages, where it is missing:
# redis-server, PostgreSQL, nginx, Chromium with its driver, a keyring, identity providers of Node.js
# and Python, a mail server of Python, and faketime's library, by which a machine's clock is wrong. No service of the system's is started.
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
# npm and PyPI have axe-core, that pages are held against, and the providers that people sign in at.
axe="$(dirname "$0")/browser"
provider="$(dirname "$0")/sign-in"
python="$(dirname "$0")/python"
has_axe() { test -d "$axe/node_modules/axe-core"; }
has_providers() {
    test -d "$provider/node_modules/oidc-provider" -a -d "$provider/node_modules/oauth2-mock-server"
}
# The very packages that are listed, and all of them.
has_python() { cmp -s "$python/requirements.txt" "$python/.venv/installed"; }
{ has_axe && has_providers; } || command -v npm >/dev/null || missing+=(npm)
has_python || python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

install_packages() {
    has_axe || npm ci --prefix "$axe" --ignore-scripts --no-audit --no-fund --silent
    has_providers || npm ci --prefix "$provider" --ignore-scripts --no-audit --no-fund --silent
    if ! has_python; then
        python3 -m venv "$python/.venv"
        "$python/.venv/bin/pip" install --quiet --disable-pip-version-check \
            --requirement "$python/requirements.txt"
        cp "$python/requirements.txt" "$python/.venv/installed"
    fi
}

if test ${#missing[@]} -eq 0; then
    install_packages
    exit 0
fi

echo "the tests need ${missing[*]}" >&2
if ! command -v apt-get >/dev/null; then
    echo "hint: install them with your system's package manager (Redis, PostgreSQL's server, nginx, openssl, faketime, Chromium with chromedriver, gnome-keyring, dbus, Node.js with npm, Python with venv)" >&2
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
