#!/usr/bin/env bash
# sqlx's `Any` driver takes the drive of a Windows path for a host, and opens a file below the current
# folder instead, or fails.
#
# Seen with crates.io sqlx 0.9.0 (features any, sqlite), on any platform: what is wrong is the reading of
# the address, before a file is touched.
#
# `sqlite:` followed by a path is the documented form, and SqliteConnectOptions takes it as it stands. `Any`
# passes it through a URL parser first: `C:` becomes a host with an empty port, and what SQLite is told is
# `C/…`, without the colon and without an error.
#
# Output: the address that goes in, and the one that `Any` hands to the driver.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "address"
version = "0.0.0"
edition = "2021"

[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["any", "sqlite", "runtime-tokio"] }
TOML
cat > src/main.rs <<'RS'
use std::str::FromStr;

fn main() {
    let given = r"sqlite://C:\Users\ada\ledger.db";
    let options = sqlx::any::AnyConnectOptions::from_str(given).expect("taken without an error");
    println!("in: {given}");
    println!("out: {}", options.database_url);
    let plain = sqlx::sqlite::SqliteConnectOptions::from_str(given).expect("taken");
    println!("by itself: {}", plain.get_filename().display());
}
RS
found=$(cargo run --quiet)
echo "$found"
[ "$found" = 'in: sqlite://C:\Users\ada\ledger.db
out: sqlite://C/\Users\ada\ledger.db
by itself: C:\Users\ada\ledger.db' ]
