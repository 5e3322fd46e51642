//! Refused rows into a file: as they came, with the reason, ready to be mended and read again.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use crate::columns::same;
use crate::{DeviceList, RefusedRow, defused};

/// A file of refused rows.
pub struct Rejects {
    writer: csv::Writer<BufWriter<File>>,
    /// Of each list, where its columns went.
    places: Vec<Vec<usize>>,
    width: usize,
}

/// What follows a row's own cells.
const REASONS: [&str; 4] = ["Refused because", "Details", "List", "Line"];

impl Rejects {
    /// Makes the file, which only its owner can read: rows name people. Its header holds every
    /// column of every list once; columns that mean the same are one.
    pub fn create(path: &Path, lists: &[DeviceList]) -> Result<Self, RejectsError> {
        let failed = |source| RejectsError {
            path: path.to_owned(),
            source,
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let file = options.open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            // One that was there already may be open to others.
            use std::os::unix::fs::PermissionsExt as _;
            let private = std::fs::Permissions::from_mode(0o600);
            file.set_permissions(private).map_err(failed)?;
        }
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        let mut header: Vec<String> = Vec::new();
        let mut places = Vec::new();
        for list in lists {
            let mut own = Vec::new();
            for name in list.header() {
                // Two columns of one list may have one name.
                let free = |place: &usize| same(&header[*place], &name) && !own.contains(place);
                let place = (0..header.len()).find(free).unwrap_or_else(|| {
                    header.push(name);
                    header.len() - 1
                });
                own.push(place);
            }
            places.push(own);
        }
        let names = header.iter().map(String::as_str).chain(REASONS);
        writer
            .write_record(names)
            .map_err(|error| failed(error.into()))?;
        Ok(Self {
            writer,
            places,
            width: header.len(),
        })
    }

    /// Writes a refused row of one of the lists.
    pub fn write(
        &mut self,
        list: usize,
        cells: &[String],
        refused: &RefusedRow,
    ) -> csv::Result<()> {
        let mut record = vec![String::new(); self.width];
        for (place, cell) in self.places[list].iter().zip(cells) {
            record[*place] = defused(cell);
        }
        let line = refused.line.to_string();
        let reasons = [
            refused.reason.as_str(),
            &refused.detail,
            &refused.list,
            &line,
        ];
        record.extend(reasons.map(defused));
        self.writer.write_record(&record)
    }

    /// Ends the file.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// A file that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the refused rows to {}", path.display())]
pub struct RejectsError {
    path: PathBuf,
    source: std::io::Error,
}
