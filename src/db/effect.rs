//! Further writes of a ledger command, as values. The store of the feature that owns a table builds them; the ledger
//! writes them in its own transaction without knowing what they mean.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::{Engine, engine_of, many, statement};

/// What only the ledger's decision knows, for effects that must hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The credit transaction's number in its account.
    Sequence,
    /// The credit transaction's id.
    TransactionId,
    /// Credits charged, granted, held or released.
    Amount,
    /// The same as a text of digits.
    AmountText,
    /// The amount times a factor, such as the credit price in nano-dollars.
    AmountTimes(i64),
    /// Credits that were delivered but could not be charged.
    Shortfall,
    /// Available credits after the transaction.
    Available,
    /// Held credits after the transaction.
    Held,
    /// The transaction's time.
    Now,
    /// The stable code of the refusal that is put on record.
    RefusalCode,
    /// Its figures as JSON; null where the columns for credits say it all.
    RefusalData,
}

/// The figures that fill [`Known`] cells.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Number, id, amount, shortfall and the two balances, if there was a transaction.
    pub posting: Option<PostingFacts>,
    /// Available and held credits of the account of a refused command, which has no transaction.
    pub unchanged: Option<(i64, i64)>,
    /// Why it was refused.
    pub refused: Option<RefusedFacts>,
    /// The account's time.
    pub now: i64,
}

impl Facts {
    /// No transaction and no refusal: only the time is known.
    pub fn at(now: i64) -> Self {
        Self { posting: None, unchanged: None, refused: None, now }
    }
}

/// What is put on record of a refusal.
#[derive(Debug, Clone)]
pub struct RefusedFacts {
    /// The stable code.
    pub code: &'static str,
    /// The words.
    pub text: String,
    /// The figures as JSON, where the columns for credits do not say it all.
    pub data: Option<String>,
}

/// The figures of one credit transaction.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is described by the variant of `Known` of the same name")]
pub struct PostingFacts {
    pub sequence: i64,
    pub transaction_id: Uuid,
    pub amount: i64,
    pub shortfall: i64,
    pub available: i64,
    pub held: i64,
}

/// A piece of a text that holds figures of the decision.
#[derive(Debug, Clone)]
pub enum TextPart {
    /// As it stands.
    Lit(String),
    /// `base` plus the known figure, in digits.
    Sum {
        /// Which figure.
        known: Known,
        /// What is added to it.
        base: i64,
    },
    /// The words of the refusal that is put on record.
    Refusal,
}

/// One value of a row.
#[derive(Debug, Clone)]
pub enum Cell {
    /// As it stands.
    Value(Value),
    /// Filled in after the decision.
    Known(Known),
    /// A text with figures of the decision.
    Text(Vec<TextPart>),
    /// The present value of `column` of the row `id` of `table`, after the effects before this one.
    Select {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: Uuid,
    },
}

impl<T: Into<Value>> From<T> for Cell {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// How an update sets a column.
#[derive(Debug, Clone)]
pub enum Set {
    /// To this value.
    To(Cell),
    /// To the old value plus this; a null counts as nothing.
    Add(Cell),
    /// To the greater of the old value and this, so that it never falls.
    Max(Cell),
}

/// One further write.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A new row.
    Insert {
        /// Into which table.
        table: &'static str,
        /// Its columns.
        cells: Vec<(&'static str, Cell)>,
        /// Whether a row that is there already is left as it is.
        if_absent: bool,
    },
    /// A changed row.
    Update {
        /// In which table.
        table: &'static str,
        /// What changes.
        set: Vec<(&'static str, Set)>,
        /// Which row: every column must be equal.
        key: Vec<(&'static str, Value)>,
        /// Whether the whole command is refused when no row matches.
        guarded: bool,
    },
    /// A part of what a row has to give. The whole command is refused when the row, being there, has not enough left or is
    /// shut.
    Take {
        /// From which table.
        table: &'static str,
        /// Which row: every column must be equal.
        key: Vec<(&'static str, Value)>,
        /// The column and value that say it is open.
        open: (&'static str, Value),
        /// What was taken so far: a `bigint` that this is added to.
        taken: &'static str,
        /// How much more.
        amount: i64,
        /// The column with the most that may be taken.
        limit: &'static str,
    },
}

/// Why an effect could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// A guarded row is not there, or is not as it was.
    #[error("a guarded row of {table} is not as expected")]
    GuardFailed {
        /// Which table.
        table: &'static str,
    },
    /// A figure of a transaction was asked for, and there is none.
    #[error("an effect of {table} needs a figure that only a transaction has")]
    Unknown {
        /// Which table.
        table: &'static str,
    },
    /// The database refused.
    #[error("the database refused an effect")]
    Db(#[from] DbErr),
}

/// The lock order of `engine.md`: tables not named come last.
const LOCK_ORDER: [&str; 7] =
    ["ledger_account", "credit_cap", "credit_hold", "automation_run", "ai_task", "ai_attempt", "job"];

impl Effect {
    /// The table it writes.
    pub fn table(&self) -> &'static str {
        match self {
            Self::Insert { table, .. } | Self::Update { table, .. } | Self::Take { table, .. } => table,
        }
    }

    /// Its place in the lock order.
    pub fn lock_rank(&self) -> usize {
        LOCK_ORDER.iter().position(|table| *table == self.table()).unwrap_or(LOCK_ORDER.len())
    }

    /// Whether it is written only when a row is as expected.
    pub fn is_guarded(&self) -> bool {
        matches!(self, Self::Update { guarded: true, .. } | Self::Take { .. })
    }

    /// About how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        let of_cell = |cell: &Cell| match cell {
            Cell::Value(value) => size_of_value(value),
            Cell::Text(parts) => {
                parts.iter().map(|part| if let TextPart::Lit(lit) = part { lit.len() } else { 16 }).sum()
            }
            Cell::Known(_) | Cell::Select { .. } => 0,
        };
        let of_key = |key: &[(&'static str, Value)]| key.iter().map(|(_, value)| size_of_value(value)).sum::<usize>();
        match self {
            Self::Insert { cells, .. } => cells.iter().map(|(_, cell)| CELL + of_cell(cell)).sum(),
            Self::Update { set, key, .. } => {
                let of_set = |set: &Set| match set {
                    Set::To(cell) | Set::Add(cell) | Set::Max(cell) => CELL + of_cell(cell),
                };
                set.iter().map(|(_, set)| of_set(set)).sum::<usize>() + of_key(key)
            }
            Self::Take { key, .. } => CELL + of_key(key),
        }
    }

    /// Whether it is a new row whose values do not depend on other rows, so that many such can be written at once.
    fn is_plain_insert(&self) -> bool {
        matches!(self, Self::Insert { cells, .. } if !cells.iter().any(|(_, cell)| matches!(cell, Cell::Select { .. })))
    }

    /// Whether it changes rows that are there.
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Update { .. } | Self::Take { .. })
    }

    /// Which row it concerns, where that is known.
    pub fn row_id(&self) -> Option<Uuid> {
        let (Self::Update { key, .. } | Self::Take { key, .. }) = self else { return None };
        key.iter().find_map(|(_, value)| match value {
            Value::Uuid(id) => *id,
            _ => None,
        })
    }

    /// Locks the row of a guarded effect and says whether it is as expected. Other effects are always satisfied.
    pub async fn guard_holds(&self, tx: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let lock = engine_of(tx).for_update();
        match self {
            Self::Update { table, key, guarded: true, .. } => {
                let (clause, values) = conditions(key, 1);
                let sql = format!("SELECT 1 AS one FROM {table} WHERE {clause}{lock}");
                Ok(tx.query_one_raw(statement(tx, sql, values)).await?.is_some())
            }
            Self::Take { table, key, open, taken, amount, limit } => {
                let (clause, values) = conditions(key, 3);
                let sql = format!(
                    "SELECT CASE WHEN {} = $1 AND {taken} + $2 <= {limit} THEN 1 ELSE 0 END AS fits \
                     FROM {table} WHERE {clause}{lock}",
                    open.0
                );
                let values = [open.1.clone(), (*amount).into()].into_iter().chain(values);
                let row = tx.query_one_raw(statement(tx, sql, values)).await?;
                // Where there is no such row, there is nothing to take from.
                row.map_or(Ok(true), |row| Ok(row.try_get::<i32>("", "fits")? == 1))
            }
            Self::Insert { .. } | Self::Update { .. } => Ok(true),
        }
    }

    /// Locks the rows that it changes, where rows are locked: guarded or not, so that a transaction that changes many locks them
    /// in one order.
    pub async fn lock_rows(&self, tx: &impl ConnectionTrait) -> Result<(), DbErr> {
        if let Self::Update { table, key, guarded: false, .. } = self
            && engine_of(tx) == Engine::Postgres
        {
            let (clause, values) = conditions(key, 1);
            let sql = format!("SELECT 1 AS one FROM {table} WHERE {clause} FOR UPDATE");
            tx.query_all_raw(statement(tx, sql, values)).await?;
        }
        Ok(())
    }

    /// Writes it.
    pub async fn write(&self, tx: &impl ConnectionTrait, facts: &Facts) -> Result<(), EffectError> {
        match self {
            Self::Insert { table, cells, if_absent } => {
                let mut sink = Sink { table, facts, values: Vec::new() };
                let mut names = Vec::with_capacity(cells.len());
                let mut places = Vec::with_capacity(cells.len());
                for (name, cell) in cells {
                    names.push(*name);
                    places.push(sink.place(cell)?);
                }
                let tail = if *if_absent { " ON CONFLICT DO NOTHING" } else { "" };
                let sql = format!("INSERT INTO {table} ({}) VALUES ({}){tail}", names.join(", "), places.join(", "));
                tx.execute_raw(statement(tx, sql, sink.values)).await?;
                Ok(())
            }
            Self::Update { table, set, key, guarded } => {
                let mut sink = Sink { table, facts, values: Vec::new() };
                let mut changes = Vec::with_capacity(set.len());
                for (name, set) in set {
                    changes.push(match set {
                        Set::To(cell) => format!("{name} = {}", sink.place(cell)?),
                        Set::Add(cell) => format!("{name} = COALESCE({name}, 0) + {}", sink.place(cell)?),
                        Set::Max(cell) => {
                            let place = sink.place(cell)?;
                            format!("{name} = CASE WHEN {name} > {place} THEN {name} ELSE {place} END")
                        }
                    });
                }
                let (clause, values) = conditions(key, sink.values.len() + 1);
                sink.values.extend(values);
                let sql = format!("UPDATE {table} SET {} WHERE {clause}", changes.join(", "));
                let done = tx.execute_raw(statement(tx, sql, sink.values)).await?;
                if *guarded && done.rows_affected() != 1 {
                    return Err(EffectError::GuardFailed { table });
                }
                Ok(())
            }
            Self::Take { table, key, taken, amount, .. } => {
                let (clause, values) = conditions(key, 2);
                let sql = format!("UPDATE {table} SET {taken} = {taken} + $1 WHERE {clause}");
                tx.execute_raw(statement(tx, sql, std::iter::once((*amount).into()).chain(values))).await?;
                Ok(())
            }
        }
    }
}

/// Writes effects that move no credits, in their order. The caller holds what their guards look at.
pub async fn write_all(tx: &impl ConnectionTrait, effects: &[Effect], now: i64) -> Result<(), EffectError> {
    let facts = Facts::at(now);
    for effect in effects {
        effect.write(tx, &facts).await?;
    }
    Ok(())
}

/// About how many bytes a cell takes beside its text.
const CELL: usize = 48;

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        _ => 0,
    }
}

/// The most values of one statement: SQLite's limit is 32,766.
const VALUES_MAX: usize = 30_000;

/// New rows of one table with the same columns.
struct Rows<'a> {
    table: &'static str,
    names: Vec<&'static str>,
    if_absent: bool,
    rows: Vec<(&'a [(&'static str, Cell)], &'a Facts)>,
}

/// A new row: its table, its cells, and whether it may be there already.
type New<'a> = (&'static str, &'a [(&'static str, Cell)], bool);

/// Writes the effects of several commands, each with the figures of its own decision, one after the other. Where neighbours
/// are new rows of the same tables in the same order, each table's are written together.
pub async fn write_many(tx: &impl ConnectionTrait, commands: &[(&[Effect], Facts)]) -> Result<(), EffectError> {
    let mut groups: Vec<Rows<'_>> = Vec::new();
    for (effects, facts) in commands {
        let is_plain = effects.iter().all(Effect::is_plain_insert);
        if !(is_plain && join(&mut groups, effects, facts)) {
            write_rows(tx, &mut groups).await?;
            if is_plain && join(&mut groups, effects, facts) {
                continue;
            }
            for effect in *effects {
                effect.write(tx, facts).await?;
            }
        }
    }
    write_rows(tx, &mut groups).await
}

/// Adds a command's new rows to the groups of its neighbours, or begins groups where there are none. `false`: they are of other
/// tables, or two are of one table, whose order would be lost.
fn join<'a>(groups: &mut Vec<Rows<'a>>, effects: &'a [Effect], facts: &'a Facts) -> bool {
    let mut news: Vec<New<'a>> = Vec::with_capacity(effects.len());
    for effect in effects {
        let Effect::Insert { table, cells, if_absent } = effect else { return false };
        if news.iter().any(|(known, _, _)| known == table) {
            return false;
        }
        news.push((*table, cells.as_slice(), *if_absent));
    }
    if groups.is_empty() {
        groups.extend(news.into_iter().map(|(table, cells, if_absent)| Rows {
            table,
            names: cells.iter().map(|(name, _)| *name).collect(),
            if_absent,
            rows: vec![(cells, facts)],
        }));
        return true;
    }
    let is_same = |(rows, (table, cells, if_absent)): (&Rows<'a>, &New<'a>)| {
        rows.table == *table
            && rows.if_absent == *if_absent
            && rows.names.iter().copied().eq(cells.iter().map(|(name, _)| *name))
    };
    if groups.len() != news.len() || !groups.iter().zip(&news).all(is_same) {
        return news.is_empty();
    }
    for (rows, (_, cells, _)) in groups.iter_mut().zip(news) {
        rows.rows.push((cells, facts));
    }
    true
}

/// Writes the groups in the order of the effects, so that what others refer to comes before them.
async fn write_rows(tx: &impl ConnectionTrait, groups: &mut Vec<Rows<'_>>) -> Result<(), EffectError> {
    let engine = engine_of(tx);
    for Rows { table, names, if_absent, rows } in groups.drain(..) {
        let tail = if if_absent { " ON CONFLICT DO NOTHING" } else { "" };
        for some in many::parts(engine, &rows, VALUES_MAX / names.len().max(1)) {
            let mut values = Vec::with_capacity(some.len());
            for (cells, facts) in some {
                let sink = Sink { table, facts, values: Vec::new() };
                values.push(cells.iter().map(|(_, cell)| sink.filled(cell)).collect::<Result<Vec<_>, _>>()?);
            }
            let (source, values) = many::source(engine, values);
            let sql = format!("INSERT INTO {table} ({}) {source}{tail}", names.join(", "));
            tx.execute_raw(statement(tx, sql, values)).await?;
        }
    }
    Ok(())
}

fn conditions(key: &[(&'static str, Value)], first: usize) -> (String, Vec<Value>) {
    let clauses: Vec<String> =
        key.iter().enumerate().map(|(at, (name, _))| format!("{name} = ${}", first + at)).collect();
    (clauses.join(" AND "), key.iter().map(|(_, value)| value.clone()).collect())
}

/// Collects bound values while a statement is put together.
struct Sink<'a> {
    table: &'static str,
    facts: &'a Facts,
    values: Vec<Value>,
}

impl Sink<'_> {
    fn known(&self, known: Known) -> Result<Value, EffectError> {
        let Facts { posting, unchanged, refused, now } = self.facts;
        let of = |figure: fn(&PostingFacts) -> i64| posting.as_ref().map(|posting| figure(posting).into());
        let value: Option<Value> = match known {
            Known::Now => Some((*now).into()),
            Known::Sequence => of(|posting| posting.sequence),
            Known::TransactionId => posting.as_ref().map(|posting| posting.transaction_id.into()),
            Known::Amount => of(|posting| posting.amount),
            Known::AmountText => posting.as_ref().map(|posting| posting.amount.to_string().into()),
            Known::AmountTimes(factor) => posting.as_ref().map(|posting| posting.amount.saturating_mul(factor).into()),
            Known::Shortfall => of(|posting| posting.shortfall),
            Known::Available => unchanged.map(|(available, _)| available.into()).or(of(|posting| posting.available)),
            Known::Held => unchanged.map(|(_, held)| held.into()).or(of(|posting| posting.held)),
            Known::RefusalCode => refused.as_ref().map(|refused| refused.code.into()),
            Known::RefusalData => refused.as_ref().map(|refused| refused.data.clone().into()),
        };
        value.ok_or(EffectError::Unknown { table: self.table })
    }

    /// The value of a cell that does not depend on other rows.
    fn filled(&self, cell: &Cell) -> Result<Value, EffectError> {
        Ok(match cell {
            Cell::Value(value) => value.clone(),
            Cell::Known(known) => self.known(*known)?,
            Cell::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        TextPart::Lit(lit) => text.push_str(lit),
                        TextPart::Sum { known, base } => {
                            if let Value::BigInt(Some(figure)) = self.known(*known)? {
                                text.push_str(&figure.saturating_add(*base).to_string());
                            }
                        }
                        TextPart::Refusal => {
                            let refused = self.facts.refused.as_ref();
                            text.push_str(&refused.ok_or(EffectError::Unknown { table: self.table })?.text);
                        }
                    }
                }
                text.into()
            }
            Cell::Select { .. } => return Err(EffectError::Unknown { table: self.table }),
        })
    }

    fn place(&mut self, cell: &Cell) -> Result<String, EffectError> {
        if let Cell::Select { table, column, id } = cell {
            self.values.push((*id).into());
            return Ok(format!("(SELECT {column} FROM {table} WHERE id = ${})", self.values.len()));
        }
        self.values.push(self.filled(cell)?);
        Ok(format!("${}", self.values.len()))
    }
}
