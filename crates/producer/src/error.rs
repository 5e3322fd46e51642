//! Lists that cannot be read, and what to do about them.

use crate::user_column::COLUMNS_THAT_DO;

/// A list that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file is not there, or not ours to read.
    #[error("cannot read the device list {name}")]
    Read {
        /// The list.
        name: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It is packed, and does not unpack.
    #[error("the device list {name} cannot be unpacked")]
    Packed {
        /// The list.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nothing in it but blank lines, comments and perhaps a header.
    #[error("the device list {name} has no rows")]
    Empty {
        /// The list.
        name: String,
    },
    /// No text.
    #[error("the device list {name} looks like {looks_like}")]
    Binary {
        /// The list.
        name: String,
        /// What it looks like.
        looks_like: &'static str,
    },
    /// Something that people take for a list, and that is none.
    #[error("the device list {name} is {what}")]
    NoList {
        /// The list.
        name: String,
        /// What it is.
        what: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A workbook that cannot be opened without its password.
    #[error("the workbook {name} is protected by a password")]
    Password {
        /// The list.
        name: String,
    },
    /// A workbook that is damaged.
    #[error("the workbook {name} is damaged")]
    DamagedWorkbook {
        /// The list.
        name: String,
        /// How.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A zip archive with several files in it.
    #[error("the zip archive {name} holds several files: {files}")]
    SeveralLists {
        /// The list.
        name: String,
        /// Those.
        files: String,
    },
    /// Hidden rows, of which nobody said whether they are meant.
    #[error(
        "{hidden} of the {rows} rows of sheet `{sheet}` in {name} are hidden, by a filter or by hand"
    )]
    HiddenRows {
        /// The list.
        name: String,
        /// The sheet.
        sheet: String,
        /// Rows that are hidden.
        hidden: u64,
        /// Rows in all.
        rows: u64,
    },
    /// Only a hidden sheet names devices.
    #[error(
        "in the workbook {name} only the hidden sheet `{sheet}` has a column that names devices"
    )]
    HiddenSheet {
        /// The list.
        name: String,
        /// The sheet.
        sheet: String,
    },
    /// A sheet that was named is not there.
    #[error("the workbook {name} has no sheet `{wanted}`; it has {found}")]
    NoSuchSheet {
        /// The list.
        name: String,
        /// What was asked for.
        wanted: String,
        /// Its sheets.
        found: String,
    },
    /// A sheet of an exception list that is not read.
    #[error(
        "the sheet `{sheet}` of the exceptions {name} names devices, too, and would not be read"
    )]
    UnreadException {
        /// The list.
        name: String,
        /// The sheet.
        sheet: String,
    },
    /// The column that was named is not there.
    #[error("the device list {name} has no column `{wanted}`; it has {}", if found.is_empty() { "none" } else { found })]
    NoSuchColumn {
        /// The list.
        name: String,
        /// What was asked for.
        wanted: String,
        /// Its columns.
        found: String,
    },
    /// Several columns, none of which names devices.
    #[error("the device list {name} has no column that names devices; it has {found}")]
    UnknownColumns {
        /// The list.
        name: String,
        /// Its columns.
        found: String,
        /// Those that would do.
        known: &'static str,
        /// The header that the list lacks, where its first line is no header but data.
        header: Option<String>,
    },
    /// A row that is too long, or a quote that never ends.
    #[error("the device list {name} breaks off near {place}")]
    Broken {
        /// The list.
        name: String,
        /// Where.
        place: String,
        /// What to do about it.
        hint: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row of an exception list that cannot be read.
    #[error("line {line} of the exceptions {name} cannot be read: {why}")]
    BadException {
        /// The list.
        name: String,
        /// Where.
        line: u64,
        /// Why.
        why: String,
    },
    /// A row of an exception list that names no device, and nearly names one.
    #[error("line {line} of the exceptions {name} cannot be read for certain: {value}: {why}")]
    NearException {
        /// The list.
        name: String,
        /// Where.
        line: u64,
        /// What it says.
        value: String,
        /// What is near.
        why: String,
    },
    /// Who is to be assigned is in no column that can be told from the others.
    #[error("the device list {name} has no column that says who is to be assigned")]
    NoUserColumn {
        /// The list.
        name: String,
        /// Its columns that may mean a user: perhaps whoever has the device now.
        perhaps: String,
    },
    /// Several columns might say who is to be assigned.
    #[error("in the device list {name} several columns say who is to be assigned: {columns}")]
    SeveralUserColumns {
        /// The list.
        name: String,
        /// Those.
        columns: String,
    },
    /// The column that was named is not there.
    #[error("the device list {name} has no column `{wanted}`; it has {}", if found.is_empty() { "none" } else { found })]
    NoSuchUserColumn {
        /// The list.
        name: String,
        /// What was asked for.
        wanted: String,
        /// Its columns.
        found: String,
    },
    /// Devices without a list have nobody to be assigned to.
    #[error("conditions alone do not say who is to be assigned to which device")]
    NoUsers,
    /// It is not what it was when the plan was made.
    #[error("the device list {name} has changed while it was being read")]
    Changed {
        /// The list.
        name: String,
    },
}

impl ListError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "check the path; `-` reads standard input".to_owned(),
            Self::Empty { .. } => {
                "a list has one serial or GUID a line, or is a CSV, JSON or Excel list with at least one row"
                    .to_owned()
            }
            Self::Binary { .. } => {
                "save it as CSV or as an Excel workbook (.xlsx) and try again".to_owned()
            }
            Self::Password { .. } => {
                "open it, take the password away (File, Info, Protect Workbook, Encrypt with Password) and save it"
                    .to_owned()
            }
            Self::DamagedWorkbook { .. } => {
                "open it in Excel or LibreOffice, save it again and try that".to_owned()
            }
            Self::SeveralLists { .. } => {
                "unpack it and give the list that is meant; several can be given one after the other"
                    .to_owned()
            }
            Self::HiddenRows { .. } => {
                "--hidden-rows skip leaves them out, --hidden-rows include reads them as the others"
                    .to_owned()
            }
            Self::HiddenSheet { sheet, .. } => {
                format!("--sheet '{sheet}' reads it, hidden as it is")
            }
            Self::NoSuchSheet { .. } => {
                "--sheet takes the name of a sheet as it stands there, or `all`".to_owned()
            }
            Self::UnreadException { .. } => {
                "it may name a device that must not be touched: --sheet all reads every visible sheet, --sheet NAME the ones that are meant"
                    .to_owned()
            }
            Self::NoSuchColumn { .. } => {
                "--column takes a header of the list, as it stands there".to_owned()
            }
            Self::UnknownColumns {
                header: Some(header),
                ..
            } => format!("its first line looks like data: add the line `{header}` above it"),
            Self::UnknownColumns { known, .. } => format!(
                "--column HEADER says which one it is, whatever it is called; known by themselves are {known} and many others"
            ),
            Self::NoUserColumn { perhaps, .. } if perhaps.is_empty() => {
                format!("name one of the columns {COLUMNS_THAT_DO}, or say which it is with --user-column NAME")
            }
            Self::NoUserColumn { perhaps, .. } => format!(
                "{perhaps} may say who has the device now, and is not taken for it: --user-column NAME says which column is meant"
            ),
            Self::SeveralUserColumns { .. } => {
                "say which one is meant with --user-column NAME; one name may stand there only once"
                    .to_owned()
            }
            Self::NoSuchUserColumn { .. } => {
                "--user-column takes a header of the list, as it stands there".to_owned()
            }
            Self::NoUsers => format!(
                "give a list with a column such as {COLUMNS_THAT_DO}; --where can narrow it"
            ),
            Self::Packed { .. } => {
                "the file is damaged or was not copied to its end: get it again".to_owned()
            }
            Self::NoList { hint, .. } | Self::Broken { hint, .. } => (*hint).to_owned(),
            Self::BadException { .. } | Self::NearException { .. } => {
                "mend that line: it may name a device that must not be touched".to_owned()
            }
            Self::Changed { .. } => "run the command again; nothing is enqueued twice".to_owned(),
        }
    }
}
