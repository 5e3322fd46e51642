#!/usr/bin/env bash
# jiff's `Timestamp` ends a day and two hours before the year 10000 does, so that every instant has a civil time
# at any offset. Services written in .NET, Microsoft Graph among them, write 9999-12-31T23:59:59.9999999Z
# (`DateTime.MaxValue`) for what never ends: read into a `Timestamp` that is an error, and with serde one such
# field refuses the whole answer. 0001-01-01T00:00:00Z, which they write for what never was, is read.
#
# Seen with crates.io jiff 1.0.1, beside chrono 0.4.45, which reads all of them.
#
# Output: what each library makes of the last instant that jiff has, of .NET's last and of its first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.0.0"
edition = "2021"

[dependencies]
chrono = "=0.4.45"
jiff = "=1.0.1"
TOML
cat > src/main.rs <<'RS'
fn main() {
    for text in [
        "9999-12-30T22:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00Z",
    ] {
        let jiff = text.parse::<jiff::Timestamp>().is_ok();
        let chrono = chrono::DateTime::parse_from_rfc3339(text).is_ok();
        println!("{text}: jiff {jiff}, chrono {chrono}");
    }
}
RS
cargo build --quiet
found=$(target/debug/reader)
echo "$found"
[ "$found" = "9999-12-30T22:00:00Z: jiff true, chrono true
9999-12-31T23:59:59.9999999Z: jiff false, chrono true
0001-01-01T00:00:00Z: jiff true, chrono true" ]
