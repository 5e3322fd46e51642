#!/usr/bin/env bash
# One cell with an error value of today's Excel (#SPILL!, #CALC!, #FIELD! …) makes calamine refuse the whole
# sheet, where older errors (#N/A, #REF!) are cells like others.
#
# Seen with crates.io calamine 0.38.0, workbooks written by PyPI openpyxl 3.1.5.
#
# Dynamic arrays leave #SPILL! in the saved value of a cell. A column of notes that nobody reads is enough:
# `worksheet_range` answers an error for the sheet, and none of its rows can be had by it.
#
# Output: what reading a sheet of three rows came to, with #N/A and with #SPILL! in the second column.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openpyxl==3.1.5
venv/bin/python - <<'PY'
import openpyxl
for name, error in [("old", "#N/A"), ("new", "#SPILL!")]:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in [["Serial number", "Note"], ["PC1", ""], ["PC2", "spare"]]:
        sheet.append(row)
    sheet["B2"].value, sheet["B2"].data_type = error, "e"
    workbook.save(f"{name}.xlsx")
PY

mkdir -p reader/src
cat > reader/Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.0.0"
edition = "2021"

[dependencies]
calamine = "=0.38.0"
TOML
cat > reader/src/main.rs <<'RS'
use calamine::{open_workbook_auto, Reader};

fn main() {
    for file in ["old.xlsx", "new.xlsx"] {
        let mut workbook = open_workbook_auto(file).expect("a workbook");
        match workbook.worksheet_range("Sheet") {
            Ok(range) => println!("{file}: {} rows", range.rows().count()),
            Err(error) => println!("{file}: {error}"),
        }
    }
}
RS
cargo build --quiet --manifest-path reader/Cargo.toml
found=$(reader/target/debug/reader)
echo "$found"
[ "$found" = "old.xlsx: 3 rows
new.xlsx: Xlsx error: Unsupported cell error value '#SPILL!'" ]
