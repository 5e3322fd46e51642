#!/usr/bin/env bash
# All tests. With --checks, also format, lints and documentation.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = "--checks" ]; then
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
fi

cargo test --workspace --locked
