#!/usr/bin/env bash
# Sends 1,000 serials through spreadsheets and libraries, plans what comes back with the program, and
# writes docs/lists-round-trip.md. Fails where a row became another device, or was lost without a word.
#
# Not part of CI: it needs LibreOffice, Gnumeric, Python 3 and Node (Debian: libreoffice-calc-nogui
# gnumeric python3-venv npm), and installs the libraries, pinned, into a temporary folder.
#
#   bash tests/round-trip/run.sh [PROGRAM]
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
for tool in soffice ssconvert python3 npm; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: see the head of this script" >&2; exit 1; }
done
program="${1:-}"
if [ -z "$program" ]; then
    (cd "$root" && cargo build --quiet --package repilot)
    program="$root/target/debug/repilot"
fi

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
cp "$here/package.json" "$here/package-lock.json" "$here/convert.js" "$folder/"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
"$folder/python/bin/python" "$here/round_trip.py" "$program" "$folder" "$root/docs/lists-round-trip.md"
