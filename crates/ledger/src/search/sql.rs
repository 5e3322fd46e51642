//! A statement that is put together from what is asked.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// Values of a statement, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<Value>);

#[derive(Debug)]
enum Value {
    Number(i64),
    Text(String),
}

impl Values {
    /// The placeholder of a number.
    pub(super) fn number(&mut self, number: i64) -> String {
        self.0.push(Value::Number(number));
        format!("${}", self.0.len())
    }

    /// The placeholder of a text.
    pub(super) fn text(&mut self, text: impl Into<String>) -> String {
        self.0.push(Value::Text(text.into()));
        format!("${}", self.0.len())
    }

    /// The statement with its values.
    pub(super) fn query(self, sql: String) -> Query<'static, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in self.0 {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query
    }
}

/// Numbers as SQL, for `IN`; none of them is a valid list, too.
pub(super) fn list(numbers: impl IntoIterator<Item = i64>) -> String {
    let numbers: Vec<String> = numbers
        .into_iter()
        .map(|number| number.to_string())
        .collect();
    if numbers.is_empty() {
        return "(NULL)".to_owned();
    }
    format!("({})", numbers.join(", "))
}
