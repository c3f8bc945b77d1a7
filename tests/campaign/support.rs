//! What is shared with the tests through the doors.

#[path = "../it/support/builders.rs"]
pub mod builders;
#[path = "../it/support/cost.rs"]
pub mod cost;
#[path = "../it/support/database.rs"]
pub mod database;
#[path = "../it/support/graphql_client.rs"]
pub mod graphql_client;
#[path = "../it/support/server.rs"]
pub mod server;
#[path = "../it/support/ws_client.rs"]
pub mod ws_client;
