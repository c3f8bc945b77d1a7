//! Everything that a database holds, as one text to search.

use inkledger::db::Engine;
use sea_orm::ConnectionTrait as _;

use super::server::Server;

/// Everything that any table holds, as text.
pub async fn dump(server: &Server) -> String {
    let db = &server.db;
    let sql = match db.engine() {
        Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Engine::Postgres => "SELECT CAST(tablename AS text) AS name FROM pg_tables WHERE schemaname = 'public'",
    };
    let mut all = String::new();
    for table in db.reader().query_all_raw(db.statement(sql, [])).await.unwrap() {
        let table: String = table.try_get("", "name").unwrap();
        let columns = match db.engine() {
            Engine::Postgres => format!("SELECT CAST(t AS text) AS line FROM {table} t"),
            Engine::Sqlite => {
                let info = db.statement(format!("SELECT name FROM pragma_table_info('{table}')"), []);
                let names: Vec<String> = db
                    .reader()
                    .query_all_raw(info)
                    .await
                    .unwrap()
                    .iter()
                    .map(|row| format!("COALESCE(hex({}), '')", row.try_get::<String>("", "name").unwrap()))
                    .collect();
                format!("SELECT {} AS line FROM {table}", names.join(" || "))
            }
        };
        for row in db.reader().query_all_raw(db.statement(columns, [])).await.unwrap() {
            let line: String = row.try_get("", "line").unwrap();
            match db.engine() {
                Engine::Postgres => all.push_str(&line),
                Engine::Sqlite => all.push_str(&String::from_utf8_lossy(&hex::decode(line).unwrap())),
            }
            all.push('\n');
        }
    }
    all
}
