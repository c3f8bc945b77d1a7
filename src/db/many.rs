//! Many rows in one statement. SQLite gets a VALUES list, in parts whose lengths are powers of two, so that each text stays prepared.
//! PostgreSQL gets an array for each column: one text for any number of rows, and one round trip.

use sea_orm::{Value, sea_query::ArrayType};

use super::{Engine, in_powers, place};

/// Parts of `items`, none longer than `most`, such as one statement takes.
pub fn parts<T>(engine: Engine, items: &[T], most: usize) -> Vec<&[T]> {
    match engine {
        Engine::Sqlite => in_powers(items, most).collect(),
        Engine::Postgres => items.chunks(most.max(1)).collect(),
    }
}

/// `rows`, all of the same columns, as a table `v` with the columns `column1`, `column2`, … to stand after FROM in a statement that
/// has no other values; and the values.
pub fn table(engine: Engine, rows: Vec<Vec<Value>>) -> (String, Vec<Value>) {
    match arrays(engine, &rows) {
        Some((text, values)) => (text, values),
        None => {
            let (groups, values) = groups(engine, rows);
            (format!("(VALUES {groups}) AS v"), values)
        }
    }
}

/// `rows` as what an INSERT puts in after its columns, and the values.
pub fn source(engine: Engine, rows: Vec<Vec<Value>>) -> (String, Vec<Value>) {
    match arrays(engine, &rows) {
        Some((text, values)) => (format!("SELECT * FROM {text}"), values),
        None => {
            let (groups, values) = groups(engine, rows);
            (format!("VALUES {groups}"), values)
        }
    }
}

/// The rows of a VALUES list in a statement that has no other values, and the values.
pub fn groups(engine: Engine, rows: Vec<Vec<Value>>) -> (String, Vec<Value>) {
    let mut flat: Vec<Value> = Vec::new();
    let mut groups = Vec::with_capacity(rows.len());
    for row in rows {
        let places: Vec<String> = (flat.len() + 1..).take(row.len()).map(|number| place(engine, number)).collect();
        groups.push(format!("({})", places.join(", ")));
        flat.extend(row);
    }
    (groups.join(", "), flat)
}

/// What stands in an array for a row without a value: arrays of the driver have one for each.
fn filler(value: &Value) -> Option<(ArrayType, &'static str, Value)> {
    Some(match value {
        Value::Bool(_) => (ArrayType::Bool, "bool", false.into()),
        Value::Int(_) => (ArrayType::Int, "int4", 0_i32.into()),
        Value::BigInt(_) => (ArrayType::BigInt, "int8", 0_i64.into()),
        Value::String(_) => (ArrayType::String, "text", "".into()),
        Value::Bytes(_) => (ArrayType::Bytes, "bytea", Vec::<u8>::new().into()),
        Value::Uuid(_) => (ArrayType::Uuid, "uuid", uuid::Uuid::nil().into()),
        _ => return None,
    })
}

fn is_null(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(None)
            | Value::Int(None)
            | Value::BigInt(None)
            | Value::String(None)
            | Value::Bytes(None)
            | Value::Uuid(None)
    )
}

/// One array a column, for PostgreSQL. `None` where a column has values of a kind that is not put into arrays, or of several.
fn arrays(engine: Engine, rows: &[Vec<Value>]) -> Option<(String, Vec<Value>)> {
    let width = rows.first()?.len();
    if engine == Engine::Sqlite || rows.iter().any(|row| row.len() != width) {
        return None;
    }
    let (mut arrays, mut names, mut values, mut columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut add = |kind: ArrayType, name: &str, of: Vec<Value>| {
        values.push(Value::Array(kind, Some(Box::new(of))));
        arrays.push(format!("${}::{name}[]", values.len()));
        names.push(format!("a{}", values.len()));
        names.last().cloned().unwrap_or_default()
    };
    for column in 0..width {
        let of = || rows.iter().filter_map(|row| row.get(column));
        let (kind, name, filling) = filler(of().next()?)?;
        if of().any(|value| filler(value).is_none_or(|(other, ..)| other != kind)) {
            return None;
        }
        let nulls = of().filter(|value| is_null(value)).count();
        let number = column + 1;
        columns.push(if nulls == rows.len() {
            format!("NULL::{name} AS column{number}")
        } else if nulls == 0 {
            format!("{} AS column{number}", add(kind, name, of().cloned().collect()))
        } else {
            let filled = of().map(|value| if is_null(value) { filling.clone() } else { value.clone() }).collect();
            let there = of().map(|value| Value::Bool(Some(!is_null(value)))).collect();
            let (value, is_there) = (add(kind, name, filled), add(ArrayType::Bool, "bool", there));
            format!("CASE WHEN {is_there} THEN {value} END AS column{number}")
        });
    }
    if values.is_empty() {
        return None;
    }
    let (columns, arrays, names) = (columns.join(", "), arrays.join(", "), names.join(", "));
    Some((format!("(SELECT {columns} FROM UNNEST({arrays}) AS u({names})) AS v"), values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_rows() -> Vec<Vec<Value>> {
        vec![
            vec![1_i64.into(), None::<String>.into(), None::<uuid::Uuid>.into()],
            vec![2_i64.into(), "two".into(), None::<uuid::Uuid>.into()],
        ]
    }

    #[test]
    fn sqlite_gets_a_list_of_values() {
        let (text, values) = source(Engine::Sqlite, some_rows());
        assert_eq!((text.as_str(), values.len()), ("VALUES (?, ?, ?), (?, ?, ?)", 6));
    }

    #[test]
    fn postgres_gets_an_array_for_each_column_whatever_the_number_of_rows() {
        let (text, values) = source(Engine::Postgres, some_rows());
        assert_eq!(
            text,
            "SELECT * FROM (SELECT a1 AS column1, CASE WHEN a3 THEN a2 END AS column2, NULL::uuid AS column3 \
             FROM UNNEST($1::int8[], $2::text[], $3::bool[]) AS u(a1, a2, a3)) AS v"
        );
        assert_eq!(values.len(), 3);
    }

    #[test]
    fn what_does_not_go_into_arrays_goes_into_a_list() {
        let (text, values) = table(Engine::Postgres, vec![vec![1.5_f64.into()], vec![2.5_f64.into()]]);
        assert_eq!((text.as_str(), values.len()), ("(VALUES ($1), ($2)) AS v", 2));
    }
}
