//! Jobs named by their numbers, as PostgreSQL finds them in the least time.
//!
//! What a worker claims and settles together was mostly enqueued together, and its numbers follow on
//! each other. Told as the first and the last of each run, PostgreSQL walks along its index from one to
//! the next; told one by one, it reads them one by one and goes down the whole index for each, which is
//! a third of such a statement. SQLite takes numbers as it always does.

use std::fmt::Write as _;

use crate::dialect::{Dialect, array_of_numbers};

/// In a run are at least so many on average, or they are named one by one: to begin a run costs what is
/// saved on two.
const WORTH_A_RUN: usize = 3;

/// Jobs, as the first parameter of a statement over rows that have their numbers as `id`.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) parameter: String,
    pub(crate) count: usize,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OneByOne(Dialect),
    Runs,
}

impl Named {
    pub(crate) fn of(dialect: Dialect, mut numbers: Vec<i64>) -> Self {
        let count = numbers.len();
        if dialect == Dialect::Postgres {
            numbers.sort_unstable();
            let runs = numbers.chunk_by(|one, next| next - one <= 1);
            if runs.clone().count() * WORTH_A_RUN <= count {
                return Self {
                    parameter: array_of(runs),
                    count,
                    form: Form::Runs,
                };
            }
        }
        Self {
            parameter: dialect.numbers(numbers),
            count,
            form: Form::OneByOne(dialect),
        }
    }

    /// What the [`condition`](Self::condition) asks beside the table, if anything, behind the word that
    /// the statement has for it.
    pub(crate) fn beside(&self, word: &str) -> String {
        match self.form {
            Form::OneByOne(_) => String::new(),
            Form::Runs => format!(
                "{word} (
                     SELECT unnest(runs[:][1:1]) AS first, unnest(runs[:][2:2]) AS last
                     FROM (SELECT {runs} AS runs OFFSET 0) AS given
                 ) AS run",
                runs = array_of_numbers!("$1")
            ),
        }
    }

    /// That a row is one of them.
    pub(crate) fn condition(&self) -> String {
        match self.form {
            Form::OneByOne(dialect) => format!("id {}", dialect.is_named()),
            Form::Runs => "id BETWEEN run.first AND run.last".to_owned(),
        }
    }
}

/// The first and the last of each run.
fn array_of<'a>(runs: impl Iterator<Item = &'a [i64]>) -> String {
    let mut array = String::from("{");
    for run in runs {
        let comma = if array.len() > 1 { "," } else { "" };
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            // Writing into a text does not fail.
            let _ = write!(array, "{comma}{{{first},{last}}}");
        }
    }
    array.push('}');
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_on_each_other_are_told_by_the_first_and_the_last() {
        let named = Named::of(Dialect::Postgres, vec![12, 3, 1, 2, 10, 11, 4]);
        assert_eq!(named.parameter, "{{1,4},{10,12}}");
        assert_eq!((named.count, named.form), (7, Form::Runs));
    }

    /// As many are meant: that one stood there twice is for whoever counts what was changed.
    #[test]
    fn a_number_that_is_there_twice_ends_no_run() {
        let named = Named::of(Dialect::Postgres, vec![1, 2, 2, 3]);
        assert_eq!((named.parameter.as_str(), named.count), ("{{1,3}}", 4));
    }

    #[test]
    fn scattered_numbers_are_named_one_by_one() {
        let named = Named::of(Dialect::Postgres, vec![7, 1, 4, 5]);
        assert_eq!(named.parameter, "{1,4,5,7}");
        assert_eq!(named.beside("FROM"), "");
        let named = Named::of(Dialect::Postgres, vec![7]);
        assert_eq!(named.parameter, "{7}");
    }

    #[test]
    fn a_file_takes_numbers_as_they_are() {
        let named = Named::of(Dialect::Sqlite, vec![3, 1, 2]);
        assert_eq!(named.parameter, "[3,1,2]");
        assert_eq!(named.beside("FROM"), "");
    }
}
