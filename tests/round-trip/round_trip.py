"""Sends serials through spreadsheets and libraries, and plans what comes back."""

import collections
import csv
import importlib.metadata
import json
import os
import pathlib
import random
import subprocess
import sys

import openpyxl
import pandas
import xlsxwriter

HEADER = "Serial number"
SEED = 24
EACH = 125


def serials():
    """1,000 serials of the kinds that spreadsheets change, each once, with its kind."""
    chance = random.Random(SEED)

    def digits(count):
        return "".join(chance.choice("0123456789") for _ in range(count))

    kinds = {
        "leading zeros": lambda: "00" + chance.choice("123456789") + digits(4),
        "12 digits with zeros": lambda: "00453637" + digits(4),
        "E in digits": lambda: f"{chance.randint(1, 999)}E{chance.randint(1, 40):02}",
        "like a date": lambda: chance.choice(
            [
                f"{chance.randint(2000, 2030)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
                f"{chance.randint(1, 12)}-{chance.randint(1, 28)}-{chance.randint(2000, 2030)}",
                f"{chance.randint(1, 28)}-{chance.choice(['JAN', 'MAR', 'SEP', 'DEC'])}",
            ]
        ),
        "16 digits": lambda: chance.choice("123456789") + digits(15),
        "17 digits": lambda: chance.choice("123456789") + digits(16),
        "hyphens": lambda: "-".join(digits(4) for _ in range(6)) + "-" + digits(2),
        "letters and digits": lambda: chance.choice(["PF", "5CG", "MJ0"]) + digits(6),
    }
    found = {}
    for kind, make in kinds.items():
        count = 0
        while count < EACH:
            serial = make()
            # Several dates are few; no serial stands twice, whatever its case.
            if serial.upper() not in found:
                found[serial.upper()] = (serial, kind)
                count += 1
    listed = list(found.values())
    chance.shuffle(listed)
    return listed


def decoys(listed):
    """Serials that what a spreadsheet makes of others would be: another device for each mistake."""
    known = {serial.upper() for serial, _ in listed}
    made = set()
    for serial, kind in listed:
        if kind in ("leading zeros", "12 digits with zeros"):
            # Every second one, so that a lost zero is at times the only fit.
            made.add(serial.lstrip("0")) if int(serial) % 2 else None
        elif kind == "E in digits":
            number, exponent = serial.split("E")
            made.add(number + "0" * int(exponent))
        elif kind == "16 digits":
            made.add(serial[:-1] + "0")
            made.add(str(int(float(serial))))
        elif kind == "17 digits":
            made.add(str(int(float(serial))))
            made.add(serial[:-2] + "00")
    made.update(str(day) for day in range(36526, 47848, 7))
    return sorted(decoy for decoy in made if decoy.upper() not in known and len(decoy) <= 64)


def typed(text):
    """A cell as scripts write it that turn whatever looks like a number into one."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def read(path):
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8-sig") as file:
            return list(csv.reader(file))
    sheet = openpyxl.load_workbook(path).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def by_openpyxl(source, target):
    if source.suffix == target.suffix == ".xlsx":
        openpyxl.load_workbook(source).save(target)
        return
    rows = read(source)
    if target.suffix == ".csv":
        with open(target, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([typed(cell) for cell in row])
    book.save(target)


def by_xlsxwriter(source, target):
    book = xlsxwriter.Workbook(target, {"strings_to_numbers": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(read(source)):
        sheet.write_row(number, 0, row)
    book.close()


def by_pandas(source, target):
    table = pandas.read_csv(source) if source.suffix == ".csv" else pandas.read_excel(source)
    if target.suffix == ".csv":
        table.to_csv(target, index=False)
    else:
        table.to_excel(target, index=False)


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def by_libreoffice(folder):
    def convert(source, target):
        profile = f"-env:UserInstallation=file://{folder}/libreoffice"
        # Its result has the source's name: not beside the source, which it would write over.
        made = folder / "converted" / (source.stem + target.suffix)
        run("soffice", profile, "--headless", "--convert-to", target.suffix[1:],
            "--outdir", str(made.parent), str(source))
        made.rename(target)

    return convert


def by_gnumeric(source, target):
    run("ssconvert", str(source), str(target))


def by_node(folder, library):
    def convert(source, target):
        run("node", "convert.js", library, str(source), str(target), cwd=folder)

    return convert


def tools(folder):
    """Each with its name, its version, how it converts, and the ways it has."""
    every = [(a, b) for a in ("csv", "xlsx") for b in ("csv", "xlsx")]
    # Other kinds of workbook, which each of these writes.
    office = every + [(a, b) for a in ("csv", "xlsx") for b in ("xls", "ods")]
    packed = office + [("csv", "xlsb"), ("xlsx", "xlsb")]
    node = json.loads((folder / "package.json").read_text())["dependencies"]
    python = importlib.metadata.version
    libreoffice = run("soffice", "--version").split()[1]
    gnumeric = subprocess.run(["ssconvert", "--version"], capture_output=True, text=True)
    gnumeric = (gnumeric.stdout + gnumeric.stderr).split("'")[1]
    return [
        ("LibreOffice", libreoffice, by_libreoffice(folder), office),
        ("Gnumeric", gnumeric, by_gnumeric, office),
        ("openpyxl", python("openpyxl"), by_openpyxl, every[1:]),
        ("XlsxWriter", python("xlsxwriter"), by_xlsxwriter, [("csv", "xlsx")]),
        ("pandas", python("pandas"), by_pandas, every),
        ("exceljs", node["exceljs"], by_node(folder, "exceljs"), every),
        ("SheetJS", node["xlsx"], by_node(folder, "sheetjs"), packed),
    ]


class Program:
    """The program against a simulated tenant."""

    def __init__(self, program, folder, fleet):
        self.program, self.folder, self.number = program, folder, 0
        fleet_file = folder / "fleet.csv"
        fleet_file.write_text(HEADER + ",Model\n" + "".join(f"{serial},x\n" for serial in fleet))
        self.simulator = subprocess.Popen(
            [program, "simulate", "--listen", "127.0.0.1:0", "--list", str(fleet_file), "--json"],
            cwd=folder, stdout=subprocess.PIPE, text=True,
        )
        lines = ""
        for line in self.simulator.stdout:
            lines += line
            try:
                up = json.loads(lines)
                break
            except json.JSONDecodeError:
                continue
        self.environment = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "REPILOT_GRAPH__ROOT": up["url"],
            "REPILOT_GRAPH__TOKEN": up["token"],
        }
        self.devices = up["devices"]

    def call(self, *arguments):
        return subprocess.run(
            [self.program, *arguments], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False,
        )

    def plan(self, path):
        """What becomes of each line: the serial of its device, or why it was refused."""
        self.number += 1
        ledger = str(self.folder / f"ledger-{self.number}.db")
        ran = self.call("enqueue", str(path), "--campaign", "c", "--yes", "--json",
                        "--max-devices", "0", "--ledger", ledger)
        if ran.returncode != 0:
            return None, (ran.stderr.strip().splitlines() or ["no word"])[0]
        plan = json.loads(ran.stdout)["plan"]
        jobs = json.loads(self.call("jobs", "c", "--json", "--ledger", ledger).stdout)
        planned = {job["line"]: job["serial"] for job in jobs}
        return planned, plan

    def end(self):
        self.simulator.terminate()
        self.simulator.wait()


def near(detail):
    """A refusal in a word or two."""
    for part, word in [
        ("took its zeros away", "zeros lost"),
        ("several that are near", "several near"),
        ("takes for this number", "near by its number"),
        ("number with decimals", "decimals"),
        ("is not read of a workbook of this kind", "number in .xls"),
    ]:
        if part in detail:
            return word
    return None


def judge(listed, planned, plan):
    """How many rows are right, wrong and lost, and why the others were refused."""
    refused = {row["line"]: row for row in plan["refusals"]}
    right, wrong, lost = 0, [], []
    reasons = collections.Counter()
    for number, (serial, _) in enumerate(listed):
        line = number + 2
        if line in planned:
            if planned[line].upper() == serial.upper():
                right += 1
            else:
                wrong.append((serial, planned[line]))
        elif line in refused:
            row = refused[line]
            reasons[near(row["detail"]) or row["reason"]] += 1
        else:
            lost.append(serial)
    return right, wrong, lost, reasons


def main():
    program, folder, page = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    program = os.path.abspath(program)
    listed = serials()
    fleet = [serial for serial, _ in listed] + decoys(listed)
    source = {kind: folder / f"source.{kind}" for kind in ("csv", "xlsx")}
    with open(source["csv"], "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[HEADER, "Model"]] + [[serial, "x"] for serial, _ in listed])
    book = openpyxl.Workbook()
    for row in read(source["csv"]):
        book.active.append(row)
        book.active.cell(book.active.max_row, 1).number_format = "@"
    book.save(source["xlsx"])

    tenant = Program(program, folder, fleet)
    version = tenant.call("--version").stdout.split()[-1]
    table, failures = [], []
    try:
        for name, tool_version, convert, ways in tools(folder):
            for start, end in ways:
                way = f"{start} to {end}"
                target = folder / f"{name}-{start}.{end}"
                convert(source[start], target)
                planned, plan = tenant.plan(target)
                if planned is None:
                    table.append((f"{name} {tool_version}", way, 0, "the whole list", plan))
                    continue
                right, wrong, lost, reasons = judge(listed, planned, plan)
                if wrong or lost or plan["rows"] != len(listed):
                    failures.append((name, way, wrong[:5], lost[:5], plan["rows"]))
                words = ", ".join(f"{word} {count}" for word, count in reasons.most_common())
                refused = sum(reasons.values())
                table.append((f"{name} {tool_version}", way, right, refused, words or "–"))
                print(name, way, right, refused, len(wrong), len(lost), words, flush=True)
    finally:
        tenant.end()
    if failures:
        for failure in failures:
            print("FAILED", *failure, file=sys.stderr)
        sys.exit(1)
    write(page, table, version, len(listed), tenant.devices)


def write(page, table, version, rows, devices):
    lines = [
        "# What spreadsheets do to serials, and what the program makes of it",
        "",
        f"{rows} serials of eight kinds (leading zeros, 12 digits with zeros, `7E10`, texts like a date,",
        "16 and 17 digits, hyphens, letters and digits) went through each program and library, by the",
        "defaults that people meet, as CSV and as a workbook whose cells are text. What came back was",
        f"planned with version {version} against a simulated tenant of {devices} devices, in which each likely",
        "mistake (a lost zero, a rounded number, a date's number) is another device.",
        "",
        "**No row became another device, and none was lost without a word.** `bash tests/round-trip/run.sh`",
        "does it again and writes this page.",
        "",
        "| through | from, to | right | refused | because |",
        "|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
