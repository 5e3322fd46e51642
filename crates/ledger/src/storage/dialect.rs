//! Where the databases differ. Everything else is one text.

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::AnyConnection;

use crate::LedgerError;
use crate::error::QueryContext as _;

/// The [`numbers`](Dialect::numbers) that are this parameter, in PostgreSQL: read in one go, not value by
/// value.
macro_rules! array_of_numbers {
    ($parameter:literal) => {
        concat!("CAST(", $parameter, " AS BIGINT[])")
    };
}
pub(crate) use array_of_numbers;

/// The [`joined`](crate::storage::rows::joined) texts that are this parameter, in PostgreSQL: it finds their ends
/// sooner than it reads an array as it writes one, letter by letter.
macro_rules! array_of_texts {
    ($parameter:literal) => {
        concat!("(string_to_array(", $parameter, ", chr(31), chr(30)))[2:]")
    };
}
pub(crate) use array_of_texts;

/// Which database a ledger is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// How long a writer waits for another process's transaction before it gives up.
const LOCK_TIMEOUT_MS: u32 = 10_000;

/// No statement of ours takes so long; whoever left one behind shall not hold its locks for ever.
const POSTGRES_STATEMENT_TIMEOUT_MS: u32 = 60_000;

/// What a worker asks and is not answered for so long never will be: the server, or the way to it,
/// is gone without a word.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(9);

/// A process that was frozen in the middle of a transaction gives its locks back after so long,
/// while others still wait for them.
const POSTGRES_IDLE_TIMEOUT_MS: u32 = 8_000;

impl Dialect {
    /// That of a connection.
    pub(crate) fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "PostgreSQL" => Self::Postgres,
            _ => Self::Sqlite,
        }
    }

    /// The rows of a [`batch`](crate::storage::rows::batch) that is the first parameter; column `n` of a row
    /// is `value->>n`, to be cast.
    pub(crate) const fn each(self) -> &'static str {
        match self {
            Self::Sqlite => "json_each($1)",
            Self::Postgres => "json_array_elements(CAST($1 AS JSON))",
        }
    }

    /// Numbers as the one parameter of a statement, as it reads them in the least time.
    pub(crate) fn numbers(self, numbers: impl IntoIterator<Item = i64>) -> String {
        let (open, close) = match self {
            Self::Sqlite => ('[', ']'),
            Self::Postgres => ('{', '}'),
        };
        let mut array = String::from(open);
        for number in numbers {
            if array.len() > 1 {
                array.push(',');
            }
            // Writing into a text does not fail.
            let _ = write!(array, "{number}");
        }
        array.push(close);
        array
    }

    /// The [`numbers`](Self::numbers) that are the first parameter, as `id`.
    pub(crate) const fn each_id(self) -> &'static str {
        match self {
            Self::Sqlite => "(SELECT value AS id FROM json_each($1))",
            Self::Postgres => concat!("(SELECT unnest(", array_of_numbers!("$1"), ") AS id)"),
        }
    }

    /// Behind a number: that it is one of the [`numbers`](Self::numbers) that are the first parameter.
    pub(crate) const fn is_named(self) -> &'static str {
        match self {
            Self::Sqlite => "IN (SELECT value FROM json_each($1))",
            // An array is looked up one by one, however many there may seem to be.
            Self::Postgres => concat!("= ANY (", array_of_numbers!("$1"), ")"),
        }
    }

    /// A condition on the rows of a table that another holds of, and whose
    /// [`numbers`](Self::numbers) are the first parameter.
    pub(crate) fn named_rows(self, table: &str, condition: &str) -> String {
        match self {
            Self::Sqlite => format!("{condition} AND id {}", self.is_named()),
            // One by one: where it knows little yet, PostgreSQL would hold every row of which the
            // condition holds against all the numbers.
            Self::Postgres => format!(
                "ctid = ANY (ARRAY(
                     SELECT found.place
                     FROM {each} AS named
                     CROSS JOIN LATERAL (
                         SELECT ctid AS place FROM {table}
                         WHERE {condition} AND id = named.id
                         OFFSET 0
                     ) AS found
                 ))",
                each = self.each_id()
            ),
        }
    }

    /// Behind a column: that a query finds it.
    pub(crate) fn is_found_by(self, query: &str) -> String {
        match self {
            Self::Sqlite => format!("IN ({query})"),
            Self::Postgres => format!("= ANY (ARRAY({query}))"),
        }
    }

    /// The texts of a [`batch`](crate::storage::rows::batch) that is the first parameter, as `word`.
    pub(crate) const fn each_word(self) -> &'static str {
        match self {
            Self::Sqlite => "(SELECT value AS word FROM json_each($1))",
            Self::Postgres => {
                "(SELECT value AS word FROM json_array_elements_text(CAST($1 AS JSON)))"
            }
        }
    }

    /// The keys of a [`keys`](crate::jobs::state_tables::keys) that is the first parameter, as `id`, `dispatch` and
    /// `token`. Both databases find each job by its number, and never scan them all.
    pub(crate) const fn each_key(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "(SELECT value->>0 AS id, value->>1 AS dispatch, value->>2 AS token
                  FROM json_each($1))"
            }
            Self::Postgres => {
                "(SELECT CAST(key->>0 AS BIGINT) AS id,
                         CAST(key->>1 AS BIGINT) AS dispatch,
                         CAST(key->>2 AS BIGINT) AS token
                  FROM (SELECT CAST($1 AS JSON) AS keys OFFSET 0) AS given
                  CROSS JOIN LATERAL json_array_elements(keys) AS each (key))"
            }
        }
    }

    /// The pairs of a [`pairs`](crate::storage::rows::pairs) that is the first parameter, as `id` and `dispatch`.
    pub(crate) const fn each_pair(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "(SELECT CAST(key AS BIGINT) AS id, value AS dispatch FROM json_each($1))"
            }
            // As an array, too, ids and numbers in turn, which is read once: of rows that it believes
            // to be few, PostgreSQL finds each job by its number, and never scans them all.
            Self::Postgres => {
                "(SELECT value AS id, flat[at + 1] AS dispatch
                  FROM (SELECT CAST(translate($1, ':\"', ',') AS BIGINT[]) AS flat OFFSET 0) AS pairs
                  CROSS JOIN LATERAL unnest(flat) WITH ORDINALITY AS each (value, at)
                  WHERE at % 2 = 1)"
            }
        }
    }

    /// The rows of an `INSERT` of so many columns each, as parameters in order.
    pub(crate) fn rows(self, rows: usize, columns: usize) -> String {
        let rows: Vec<String> = match self {
            // Without numbers: a numbered parameter is looked up among all of them.
            Self::Sqlite => vec![format!("({})", vec!["?"; columns].join(", ")); rows],
            Self::Postgres => (0..rows)
                .map(|row| {
                    let first = row * columns + 1;
                    let parameters: Vec<String> = (first..first + columns)
                        .map(|parameter| format!("${parameter}"))
                        .collect();
                    format!("({})", parameters.join(", "))
                })
                .collect(),
        };
        format!("VALUES {}", rows.join(", "))
    }

    /// A migration's text with this database's words in it, without what is only in another: that
    /// follows a line which says so, up to the next such line or one that says `-- in both`.
    pub(crate) fn shape(self, migration: &str) -> String {
        let (only_here, key, text, kept) = match self {
            Self::Sqlite => ("-- only in SQLite", "id INTEGER", "TEXT", "WITHOUT ROWID"),
            Self::Postgres => (
                "-- only in PostgreSQL",
                "id BIGINT",
                // Or texts would be in the order of the server's language, which no prefix is.
                "TEXT COLLATE \"C\"",
                "",
            ),
        };
        let mut is_here = true;
        let mut shaped = String::with_capacity(migration.len());
        for line in migration.lines() {
            if line.starts_with("-- only in ") {
                is_here = line == only_here;
            } else if line == "-- in both" {
                is_here = true;
            }
            if is_here {
                shaped.push_str(line);
                shaped.push('\n');
            }
        }
        shaped
            .replace("id ROW_KEY", key)
            .replace("BYTEWISE_TEXT", text)
            .replace("KEPT_BY_KEY", kept)
    }

    /// An array of these columns of a row.
    pub(crate) fn array(self, columns: &str) -> String {
        match self {
            Self::Sqlite => format!("json_array({columns})"),
            Self::Postgres => format!("json_build_array({columns})"),
        }
    }

    /// An array of these columns of the one row that a query finds, written out, which
    /// [`Inner`](crate::storage::rows::Inner) reads; null where it finds none.
    pub(crate) fn found_array(self, columns: &str, query: &str) -> String {
        // A cast alone leaves SQLite knowing that it is JSON, and it would not be written out.
        format!(
            "CAST((SELECT {} {query}) AS TEXT) || ''",
            self.array(columns)
        )
    }

    /// All rows of a query gathered into one, an array of arrays of these columns.
    pub(crate) fn gathered(self, columns: &str) -> String {
        let array = self.array(columns);
        match self {
            Self::Sqlite => format!("json_group_array({array})"),
            Self::Postgres => format!("CAST(COALESCE(json_agg({array}), '[]') AS TEXT)"),
        }
    }

    /// The same for rows that are wide, which [`wide`](crate::storage::rows::wide) reads: PostgreSQL would take
    /// three times as long to write arrays of them as to find them.
    pub(crate) fn wide(self, columns: &str) -> String {
        match self {
            Self::Sqlite => self.gathered(columns),
            Self::Postgres => columns.to_owned(),
        }
    }

    /// All rows of a query that meet a condition, in one column: an array of arrays.
    pub(crate) fn gathered_where(self, columns: &str, condition: &str) -> String {
        let array = self.array(columns);
        match self {
            Self::Sqlite => format!("json_group_array({array}) FILTER (WHERE {condition})"),
            Self::Postgres => format!(
                "CAST(COALESCE(json_agg({array}) FILTER (WHERE {condition}), '[]') AS TEXT)"
            ),
        }
    }

    /// That a text contains another. `LIKE` would say the same in twice the time.
    pub(crate) fn contains(self, text: &str, other: &str) -> String {
        match self {
            Self::Sqlite => format!("instr({text}, {other}) > 0"),
            Self::Postgres => format!("strpos({text}, {other}) > 0"),
        }
    }

    /// Begins a transaction that will write.
    ///
    /// `SQLite` must take its write lock at once: a transaction that reads first and writes later
    /// fails, without waiting, when another process wrote in between. On PostgreSQL the rows that a
    /// transaction decides by are locked one by one: see `locks`.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// Begins a transaction whose statements all read the same state.
    pub(crate) const fn begin_read(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN DEFERRED",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        }
    }

    /// Ends a query whose rows nobody else may change until this transaction ends. `SQLite` has one
    /// writer: nobody else is there.
    pub(crate) const fn locking(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR NO KEY UPDATE",
        }
    }

    /// The same, without those that somebody is changing just now: whoever waits for nobody cannot
    /// be part of a deadlock.
    pub(crate) const fn locking_free_ones(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR NO KEY UPDATE SKIP LOCKED",
        }
    }

    /// How long a worker waits for an answer, where it can be lost without a word.
    pub(crate) const fn patience(self) -> Option<Duration> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(POSTGRES_PATIENCE),
        }
    }

    /// Asks for the database's time in milliseconds, where several machines share it.
    pub(crate) const fn time(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => {
                Some("SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)")
            }
        }
    }

    /// Has the transaction under way read what it wants in order along an index that has that order.
    pub(crate) const fn along_an_index(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            // Where it knows little yet of a list that has just come in, PostgreSQL takes it for short,
            // and would sort all that is due for each few that go out.
            Self::Postgres => &["SET LOCAL enable_sort = off"],
        }
    }

    /// Has the database look at what a list that came in has changed: until it has, PostgreSQL takes
    /// the list for short, and reads and sorts all of it for each page.
    pub(crate) const fn after_a_list(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            Self::Postgres => &["ANALYZE job_rows, due_jobs, job_keys"],
        }
    }

    /// Lets the transaction under way take longer than any of the workers' does.
    pub(crate) const fn unhurried(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            Self::Postgres => &[
                "SET LOCAL statement_timeout = 0",
                "SET LOCAL idle_in_transaction_session_timeout = 0",
            ],
        }
    }

    /// What each new connection is told.
    pub(crate) fn on_connect(self) -> Vec<String> {
        match self {
            Self::Sqlite => vec![
                format!("PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}"),
                // Readers and the writer do not wait for each other.
                "PRAGMA journal_mode = WAL".to_owned(),
                // Survives a killed process whole; a power cut may cost the last transactions,
                // whose devices are then looked at before they are called again.
                "PRAGMA synchronous = NORMAL".to_owned(),
                // A page that many jobs share is copied back into the file once for all of them.
                "PRAGMA wal_autocheckpoint = 8000".to_owned(),
                "PRAGMA foreign_keys = ON".to_owned(),
                // Enough for the indexes of a million jobs.
                "PRAGMA cache_size = -65536".to_owned(),
                "PRAGMA temp_store = MEMORY".to_owned(),
                // Or a batch would be indexed, and every job scanned against it.
                "PRAGMA automatic_index = OFF".to_owned(),
            ],
            Self::Postgres => vec![
                format!("SET lock_timeout = {LOCK_TIMEOUT_MS}"),
                format!("SET statement_timeout = {POSTGRES_STATEMENT_TIMEOUT_MS}"),
                // To compile a statement takes longer than any of ours.
                "SET jit = off".to_owned(),
                format!("SET idle_in_transaction_session_timeout = {POSTGRES_IDLE_TIMEOUT_MS}"),
                "SET application_name = 'repilot'".to_owned(),
                "SET timezone = 'UTC'".to_owned(),
            ],
        }
    }
}

/// Runs statements that only tell the database how to go about what comes next.
pub(crate) async fn tell(
    connection: &mut AnyConnection,
    statements: &'static [&'static str],
    doing: &'static str,
) -> Result<(), LedgerError> {
    for statement in statements {
        sqlx::query(*statement)
            .execute(&mut *connection)
            .await
            .doing(doing)?;
    }
    Ok(())
}
