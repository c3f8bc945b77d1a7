//! The transports: everything between a socket and the Gate. POST, GET, WebSocket, server-sent events and multipart on
//! `/graphql`, and beside it health, metrics, assets, signed objects and the branded 404.
//!
//! Knows axum, the Gate and traits that `app` plugs in. Must never know the database, a feature or a resolver; and no
//! transport runs an operation that did not pass the Gate.

mod accept;
mod address;
mod answer;
mod assets;
mod body;
mod clients;
mod docs;
mod fault;
mod graphql;
mod health;
mod json;
mod live;
mod multipart;
mod objects;
mod origin;
mod pages;
mod params;
mod router;
mod seams;
mod serve;
mod settings;
mod sockets;
mod sse;
mod stall;
mod state;
mod telemetry;
mod uploads;
mod websocket;

pub use objects::{ContentTypes, ObjectDoor, ObjectRefusal, OpenObject, StoredAs, StoredObjects};
pub use origin::{OriginUnreadable, Origins};
pub use router::router;
pub use seams::{Authenticator, Readiness, Report, SessionEnd};
pub use serve::serve;
pub use settings::{HttpSettings, StatusProfile, Timing};
pub use state::{HttpParts, HttpState, WriteMetrics};
