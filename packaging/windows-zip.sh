#!/usr/bin/env bash
# Makes target/packages/repilot-VERSION-x86_64-pc-windows-gnu.zip of a repilot.exe that is built.
#
#   bash packaging/windows-zip.sh PROGRAM.EXE
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
name=repilot-$version-x86_64-pc-windows-gnu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/$name" target/packages
cp "$program" "$folder/$name/repilot.exe"
cp -r README.md SECURITY.md LICENSE-MIT LICENSE-APACHE docs examples "$folder/$name/"
install -D -m 644 config/default.toml "$folder/$name/config/default.toml"
out=$PWD/target/packages/$name.zip
rm -f "$out"
python3 - "$folder" "$out" <<'PYTHON'
import pathlib, sys, zipfile

folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            archive.write(file, file.relative_to(folder).as_posix())
PYTHON
echo "${out#"$PWD/"}"
