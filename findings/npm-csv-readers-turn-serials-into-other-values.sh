#!/usr/bin/env bash
# The two spreadsheet libraries of npm that most scripts use do not give a CSV file's serial numbers back.
#
# Seen with npm exceljs 4.4.0 and xlsx (SheetJS) 0.18.5, default options.
#
# Neither asks, and neither keeps the text beside the value in the file that it writes:
# - both make a number of digits alone, so that zeros before it are gone and the 17th digit is rounded;
# - SheetJS makes a date of digits with hyphens (a serial such as 9-4-2027), and writes 46634 into a workbook;
#   exceljs leaves that one, and makes a date of the ISO form alone;
# - `12E45678` survives in both, though spreadsheet programs take it for a number.
# SheetJS's `raw: true` keeps all as text. Code that gets a workbook cannot tell that its numbers were texts:
# a number is a serial only where an inventory says so.
#
# Output: type and value that each reader has for each text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts exceljs@4.4.0 xlsx@0.18.5
printf 'Serial\n0012345\n46566527274016358\n12E45678\n9-4-2027\n' >list.csv
cat >read.cjs <<'JS'
const ExcelJS = require('exceljs');
const XLSX = require('xlsx');

(async () => {
  const sheet = await new ExcelJS.Workbook().csv.readFile('list.csv');
  const rows = [];
  sheet.eachRow((row) => rows.push(row.getCell(1).value));
  for (const value of rows.slice(1)) console.log('exceljs', typeof value, value);
  for (const raw of [false, true]) {
    const book = XLSX.readFile('list.csv', { raw });
    const cells = book.Sheets[book.SheetNames[0]];
    for (const row of [2, 3, 4, 5]) {
      const { t: type, v: value } = cells[`A${row}`];
      console.log(raw ? 'SheetJS raw' : 'SheetJS', type, value);
    }
  }
})();
JS
found=$(node read.cjs)
echo "$found"
[ "$found" = 'exceljs number 12345
exceljs number 46566527274016360
exceljs string 12E45678
exceljs string 9-4-2027
SheetJS n 12345
SheetJS n 46566527274016360
SheetJS s 12E45678
SheetJS n 46634
SheetJS raw s 0012345
SheetJS raw s 46566527274016358
SheetJS raw s 12E45678
SheetJS raw s 9-4-2027' ]
