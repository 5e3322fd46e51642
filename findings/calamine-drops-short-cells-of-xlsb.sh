#!/usr/bin/env bash
# Cells of an .xlsb that SheetJS wrote come out of calamine with holes. The binary format has short records for
# a cell that follows the one before it, which leave the column out (BrtShortSt, BrtShortRk, …): SheetJS writes
# them for every cell but the first of a row's run, calamine knows none of them, and passes them over without
# an error.
#
# Seen with npm xlsx 0.18.5 as the writer and crates.io calamine 0.38.0 as the reader.
#
# Output: the cells of a sheet of two rows and three columns, row by row, as calamine has them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-fund --no-audit xlsx@0.18.5 >/dev/null
node - <<'JS'
const XLSX = require("xlsx");
const sheet = XLSX.utils.aoa_to_sheet([["Serial number", "Model", "Tag"], ["PC1", "T14", "Kiosk"]]);
const workbook = XLSX.utils.book_new();
XLSX.utils.book_append_sheet(workbook, sheet, "Devices");
XLSX.writeFile(workbook, "devices.xlsb");
JS

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.0.0"
edition = "2021"

[dependencies]
calamine = "=0.38.0"
TOML
cat > src/main.rs <<'RS'
use calamine::{open_workbook_auto, Reader};

fn main() {
    let mut workbook = open_workbook_auto("devices.xlsb").expect("a workbook");
    let range = workbook.worksheet_range("Devices").expect("a sheet");
    for row in range.rows() {
        let cells: Vec<String> = row.iter().map(|cell| format!("[{cell}]")).collect();
        println!("{}", cells.join(""));
    }
}
RS
cargo build --quiet
found=$(target/debug/reader)
echo "$found"
[ "$found" = "[Serial number]
[PC1]" ]
