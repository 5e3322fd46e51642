#!/usr/bin/env bash
# Makes target/packages/repilot-VERSION-TARGET.tar.gz of a program that is built: the program, manual
# pages, completions, documents.
#
#   bash packaging/tarball.sh [PROGRAM]      target/release/repilot unless named
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${1:-target/release/repilot}")
version=$("$program" --version | cut -d' ' -f2)
name=repilot-$version-$(rustc -vV | sed -n 's/^host: //p')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install -D -m 755 "$program" "$folder/$name/bin/repilot"
bash packaging/documents.sh "$program" "$folder/$name/share"
cp -r README.md SECURITY.md LICENSE-MIT LICENSE-APACHE docs examples "$folder/$name/"
install -D -m 644 config/default.toml "$folder/$name/config/default.toml"
cp -r config/systemd "$folder/$name/config/"
mkdir -p target/packages
# The same files make the same archive.
tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
    -cf - "$name" | gzip -9n >"target/packages/$name.tar.gz"
echo "target/packages/$name.tar.gz"
