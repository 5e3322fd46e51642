//! Peak memory and time of planning 1,000,000 rows against 200,000 devices, as CSV and as a workbook.
//!
//! `cargo bench -p repilot-producer`. Each case runs three times, in a process of its own, in turn, so
//! that all meet the same machine; the best of each counts. The inventory alone is a case, too: what
//! it takes is no fault of a list.
//!
//! `BASELINE=PROGRAM cargo bench -p repilot-producer` runs another build of this benchmark in the same
//! turns, and prints it beside.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on fails, and its table is what it is for"
)]

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use repilot_domain::{Device, DeviceId, Timestamp};
use repilot_producer::{DeviceList, Inventory, Selection};

const ROWS: usize = 1_000_000;
const DEVICES: usize = 200_000;
const RUNS: usize = 3;
const CASES: [&str; 3] = ["inventory", "csv", "xlsx"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some("--case") = arguments.next().as_deref() {
        let case = arguments.next().expect("a case");
        let folder = arguments.next().expect("a folder");
        return run(&case, Path::new(&folder));
    }
    let folder = std::env::temp_dir().join(format!("repilot-million-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the lists");
    write_csv(&folder.join("list.csv")).expect("the CSV is written");
    write_xlsx(&folder.join("list.xlsx")).expect("the workbook is written");
    let own = std::env::current_exe().expect("this program has a path");
    let baseline = std::env::var_os("BASELINE").map(PathBuf::from);
    let builds: Vec<(&str, PathBuf)> = std::iter::once(("this build", own))
        .chain(baseline.map(|program| ("baseline", program)))
        .collect();
    let mut best = vec![[(f64::MAX, u64::MAX); CASES.len()]; builds.len()];
    for _ in 0..RUNS {
        for (at, case) in CASES.iter().enumerate() {
            for ((_, program), best) in builds.iter().zip(&mut best) {
                let (seconds, kilobytes) = measured(program, case, &folder);
                best[at].0 = best[at].0.min(seconds);
                best[at].1 = best[at].1.min(kilobytes);
            }
        }
    }
    std::fs::remove_dir_all(&folder).expect("the folder is removed");
    println!("{ROWS} rows against {DEVICES} devices, best of {RUNS} runs");
    println!("{:<12} {:<10} {:>8} {:>9}", "build", "case", "s", "peak MB");
    for ((name, _), best) in builds.iter().zip(&best) {
        for (case, (seconds, kilobytes)) in CASES.iter().zip(best) {
            let megabytes = kilobytes / 1000;
            println!("{name:<12} {case:<10} {seconds:>8.2} {megabytes:>9}");
        }
        println!("{name:<12} xlsx / csv {:>8.2}", best[2].0 / best[1].0);
    }
}

/// Runs a case in a process of its own: the seconds that planning took, and its largest resident
/// memory in kilobytes.
fn measured(program: &Path, case: &str, folder: &Path) -> (f64, u64) {
    let ran = Command::new(program)
        .args(["--case", case])
        .arg(folder)
        .output()
        .expect("the case runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    let mut words = said.split_whitespace();
    let mut next = || words.next().and_then(|word| word.parse::<f64>().ok());
    let figures = next().zip(next());
    let (seconds, kilobytes) = figures.expect("the case says what it took");
    let kilobytes = Duration::from_secs_f64(kilobytes).as_secs();
    (seconds, kilobytes)
}

fn run(case: &str, folder: &Path) {
    let mut inventory = Inventory::default();
    for number in 0..DEVICES {
        inventory.push(device(number));
    }
    let begun = Instant::now();
    if case != "inventory" {
        let list = DeviceList::open(&folder.join(format!("list.{case}"))).expect("a list");
        let selection = Selection {
            lists: vec![list],
            ..Selection::default()
        };
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut steps = selection.steps(&inventory, now).expect("a plan");
        assert!(
            steps.by_ref().all(|step| step.is_ok()),
            "a row is unreadable"
        );
        let summary = steps.finish();
        let merged = (ROWS - DEVICES) as u64;
        assert_eq!((summary.planned, summary.merged), (DEVICES as u64, merged));
    }
    println!("{} {}", begun.elapsed().as_secs_f64(), peak_kilobytes());
}

/// The largest resident memory of this process; 0 where the system does not say so.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kilobytes.unwrap_or(0)
}

fn serial(number: usize) -> String {
    format!(
        "{:04}-{:04}-{:06}-46",
        number % 9_973,
        number % 7_919,
        number
    )
}

fn guid(kind: u32, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

fn device(number: usize) -> Device {
    Device {
        id: DeviceId(guid(1, number)),
        serial: serial(number),
        user_principal_name: format!("user{number}@contoso.example"),
        addressable_user_name: format!("User {number}"),
        group_tag: "KIOSK".to_owned(),
        manufacturer: "LENOVO".to_owned(),
        model: "21HES1V50B".to_owned(),
        display_name: format!("PC-{number}"),
        managed_device_id: guid(2, number),
        entra_device_id: guid(3, number),
        enrollment_state: repilot_domain::EnrollmentState::default(),
        last_contacted: None,
    }
}

fn write_csv(path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "Serial number,Manufacturer,Model,Group tag")?;
    for row in 0..ROWS {
        writeln!(file, "{},LENOVO,21HES1V50B,KIOSK", serial(row % DEVICES))?;
    }
    file.flush()
}

/// As Excel writes it: texts in one table, cells with their places.
fn write_xlsx(path: &Path) -> std::io::Result<()> {
    let mut zip = zip::ZipWriter::new(BufWriter::new(std::fs::File::create(path)?));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("xl/workbook.xml", options)?;
    zip.write_all(br#"<workbook><sheets><sheet name="A" r:id="a"/></sheets></workbook>"#)?;
    zip.start_file("xl/_rels/workbook.xml.rels", options)?;
    zip.write_all(br#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/><Relationship Id="b" Type="x/sharedStrings" Target="t.xml"/></Relationships>"#)?;
    zip.start_file("xl/t.xml", options)?;
    zip.write_all(b"<sst>")?;
    let others = [
        "Serial number",
        "Manufacturer",
        "Model",
        "Group tag",
        "LENOVO",
        "21HES1V50B",
        "KIOSK",
    ];
    for text in others {
        write!(zip, "<si><t>{text}</t></si>")?;
    }
    for number in 0..DEVICES {
        write!(zip, "<si><t>{}</t></si>", serial(number))?;
    }
    zip.write_all(b"</sst>")?;
    zip.start_file("xl/s.xml", options)?;
    zip.write_all(b"<worksheet><sheetData>")?;
    for row in 1..=ROWS + 1 {
        let texts = match row {
            1 => [0, 1, 2, 3],
            _ => [others.len() + (row - 2) % DEVICES, 4, 5, 6],
        };
        write!(zip, r#"<row r="{row}">"#)?;
        for (column, text) in ["A", "B", "C", "D"].into_iter().zip(texts) {
            write!(zip, r#"<c r="{column}{row}" t="s"><v>{text}</v></c>"#)?;
        }
        zip.write_all(b"</row>")?;
    }
    zip.write_all(b"</sheetData></worksheet>")?;
    zip.finish()?.flush()
}
