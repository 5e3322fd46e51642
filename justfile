# What is done to this repository, a recipe each. `bash tests/run.sh [RECIPE…]` installs just and
# runs them, `test` by default; CI runs `ci`.

# List the recipes
[private]
default:
    @just --list

# Everything that must hold before a change lands
ci: format lint docs deny test

# All tests, against real parts
test:
    bash tests/install-servers.sh
    cargo test --workspace --locked

# Check the format
format:
    cargo fmt --all --check

# Check lints, warnings forbidden
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Check that the documentation builds and its links lead somewhere
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Check licences, bans and sources of what is built in
deny:
    command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
    cargo deny --locked check --hide-inclusion-graph licenses bans sources

# Measure: rates and quotas beside the least possible, in one run
bench:
    cargo bench -p e2e --locked

# The program as packages have it
release:
    cargo build --release --locked --package repilot

# A .deb with units of systemd, manual pages and completions
deb: release
    bash packaging/deb.sh

# A .tar.gz with manual pages and completions
tarball: release
    bash packaging/tarball.sh

# A .zip for Windows, built in a Debian tree of its own (as root)
windows-zip:
    bash tests/windows/run.sh target/windows release
    bash packaging/windows-zip.sh target/windows/src/target/x86_64-pc-windows-gnu/release/repilot.exe

# SHA256SUMS of what was packaged
checksums:
    cd target/packages && sha256sum repilot* > SHA256SUMS && sha256sum --check SHA256SUMS
