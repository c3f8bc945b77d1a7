//! What feature tests share.

pub mod graphql_client;
pub mod http_server;
pub mod kill;
pub mod schema;
pub mod ws_client;
