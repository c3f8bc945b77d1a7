//! Lists of one table by key: what a filter adds, the total, and the page.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::statement;
use crate::page::{Page, PageArgs};

/// A list under construction: newest first by id.
pub struct List {
    columns: &'static str,
    from: &'static str,
    key: &'static str,
    clauses: String,
    values: Vec<Value>,
}

impl List {
    /// The rows of `from` where `scope` equals `id`: whose list it is. `key` is the id column that orders it.
    pub fn of(columns: &'static str, from: &'static str, key: &'static str, scope: &'static str, id: Uuid) -> Self {
        Self { columns, from, key, clauses: format!("{scope} = $1"), values: vec![id.into()] }
    }

    /// Only rows whose `column` equals the value; nothing where there is none.
    #[must_use]
    pub fn only(mut self, column: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.values.push(value.into());
            self.clauses.push_str(&format!(" AND {column} = ${}", self.values.len()));
        }
        self
    }

    /// Only rows whose `column` holds `text`, whose case counts.
    #[must_use]
    pub fn holding(mut self, column: &'static str, text: Option<&str>) -> Self {
        if let Some(text) = text {
            let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            self.values.push(format!("%{escaped}%").into());
            self.clauses.push_str(&format!(" AND {column} LIKE ${} ESCAPE '\\'", self.values.len()));
        }
        self
    }

    /// Only rows that satisfy `clause`, which names no value.
    #[must_use]
    pub fn such_that(mut self, clause: Option<&str>) -> Self {
        if let Some(clause) = clause {
            self.clauses.push_str(" AND ");
            self.clauses.push_str(clause);
        }
        self
    }

    /// Reads the page.
    pub async fn page<T>(
        self,
        connection: &impl ConnectionTrait,
        args: &PageArgs<Uuid>,
        read: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Result<Page<T>, DbErr> {
        let Self { columns, from, key, mut clauses, mut values } = self;
        let total = if args.with_total {
            let sql = format!("SELECT COUNT(*) AS n FROM {from} WHERE {clauses}");
            let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
            Some(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
        } else {
            None
        };
        for (bound, operator) in [(args.after, "<"), (args.before, ">")] {
            if let Some(bound) = bound {
                values.push(bound.into());
                clauses.push_str(&format!(" AND {key} {operator} ${}", values.len()));
            }
        }
        values.push(args.fetch().into());
        let order = if args.from_end { "ASC" } else { "DESC" };
        let sql =
            format!("SELECT {columns} FROM {from} WHERE {clauses} ORDER BY {key} {order} LIMIT ${}", values.len());
        let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
        let rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(rows, args, total))
    }
}
