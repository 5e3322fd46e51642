//! The databases that every promise is proven on.

use repilot_ledger::{Ledger, LedgerLocation};

/// A kind of database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Database {
    Sqlite,
    #[cfg(unix)]
    Postgres,
}

/// Where an empty ledger of a test's own is.
pub(crate) struct Place {
    pub(crate) location: LedgerLocation,
    /// Of a file; removed with it.
    folder: Option<tempfile::TempDir>,
}

/// One server for all tests; a database each.
#[cfg(unix)]
static POSTGRES: std::sync::LazyLock<servers::Postgres> =
    std::sync::LazyLock::new(servers::Postgres::start);

impl Place {
    pub(crate) fn of(database: Database) -> Self {
        match database {
            Database::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("ledger.db");
                Self {
                    location: LedgerLocation::parse(file.to_str().unwrap()).unwrap(),
                    folder: Some(folder),
                }
            }
            #[cfg(unix)]
            Database::Postgres => Self::at(&POSTGRES.create_database()),
        }
    }

    #[cfg(unix)]
    pub(crate) fn at(url: &str) -> Self {
        Self {
            location: LedgerLocation::parse(url).unwrap(),
            folder: None,
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.as_ref().unwrap().path()
    }

    /// As sqlx takes it.
    pub(crate) fn url(&self) -> String {
        match &self.location {
            LedgerLocation::File(path) => format!("sqlite://{}", path.display()),
            LedgerLocation::Postgres(url) => url.to_string(),
        }
    }

    pub(crate) async fn open(&self) -> Ledger {
        Ledger::open(&self.location).await.unwrap()
    }
}

/// Makes a test of each promise and each database.
macro_rules! on_every_database {
    ($($promise:ident,)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(crate::database::Database::Sqlite).await;
                }
            )*
        }

        #[cfg(unix)]
        mod postgres {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(crate::database::Database::Postgres).await;
                }
            )*
        }
    };
}
