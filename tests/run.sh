#!/usr/bin/env bash
# Runs recipes of the justfile, `test` by default, and installs just where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
command -v just >/dev/null || cargo install just --locked
exec just "${@:-test}"
