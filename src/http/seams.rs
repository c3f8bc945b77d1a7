//! What HTTP asks of the rest of the house, so that it never meets the database. `app` plugs the implementations in.

use futures_util::future::BoxFuture;

use crate::{
    error::{AuthReason, Error},
    viewer::{SignedIn, Viewer},
};

/// Why a live stream may not go on for its viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The access token's time is over.
    TokenExpired,
    /// Signed out, or the user is gone.
    SessionEnded,
    /// The role or a membership changed; a new socket gets the new rights.
    RightsChanged,
}

impl SessionEnd {
    /// The close frame's reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::SessionEnded => "SESSION_ENDED",
            Self::RightsChanged => "RIGHTS_CHANGED",
        }
    }

    /// The reason in an `UNAUTHENTICATED` error. A change of rights ends the stream like a session: the next request
    /// is judged anew.
    pub fn reason(self) -> AuthReason {
        match self {
            Self::TokenExpired => AuthReason::TokenExpired,
            Self::SessionEnded | Self::RightsChanged => AuthReason::SessionEnded,
        }
    }
}

/// Turns tokens into viewers and tells when a session may not go on.
pub trait Authenticator: Send + Sync + 'static {
    /// Judges an access token without `Bearer`. What cannot be verified is `Viewer::Anonymous` with the reason, and no
    /// token is `Missing`. The text is not checked in any way yet and at most 8 KiB. An error means that the judge
    /// failed, never that the token did.
    fn authenticate<'a>(&'a self, token: Option<&'a str>) -> BoxFuture<'a, Result<Viewer, Error>>;

    /// Resolves within 5 s of sign-out, deletion, or a change of role or membership of `who`, counted from
    /// `who.access_version`, and never otherwise. The token's own end is the transport's to watch.
    fn watch(&self, who: SignedIn) -> BoxFuture<'static, SessionEnd>;
}

/// What `/readyz` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The process is ending and should get no new work: 503.
    pub draining: bool,
    /// Parts that do not work; the rest does: 200.
    pub degraded: Vec<String>,
}

/// Tells whether the process may get work.
pub trait Readiness: Send + Sync + 'static {
    /// The present state. Must answer within a second; it runs at each call of `/readyz`.
    fn report(&self) -> BoxFuture<'_, Report>;
}
