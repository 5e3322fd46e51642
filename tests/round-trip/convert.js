// Converts a table: node convert.js exceljs|sheetjs FROM TO, by the files' endings.
"use strict";

const [library, from, to] = process.argv.slice(2);

async function exceljs() {
  const { Workbook } = require("exceljs");
  const book = new Workbook();
  if (from.endsWith(".csv")) {
    await book.csv.readFile(from);
  } else {
    await book.xlsx.readFile(from);
  }
  await (to.endsWith(".csv") ? book.csv.writeFile(to) : book.xlsx.writeFile(to));
}

function sheetjs() {
  const xlsx = require("xlsx");
  xlsx.writeFile(xlsx.readFile(from), to);
}

if (library === "exceljs") {
  exceljs().catch((error) => {
    console.error(error);
    process.exit(1);
  });
} else {
  sheetjs();
}
