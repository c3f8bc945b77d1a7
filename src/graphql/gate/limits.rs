//! The limits table of the Gate: one column per kind of caller. Knows numbers only; who a caller is and where a limit
//! is enforced lies elsewhere.

use serde::{Deserialize, Serialize};

use super::trusted::Trust;

/// Nesting of brackets that no setting can exceed: the parser and everything behind it recurse, and this many levels
/// are proven to fit the smallest stack the process uses.
pub const NESTING_CEILING: usize = 128;

/// Which column of the limits table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Nobody is signed in.
    Anonymous,
    /// A signed-in user.
    User,
    /// A signed-in ADMIN or HERO.
    Admin,
}

/// Every limit of the Gate, and those of the transports that depend on the kind of caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// For callers who are not signed in.
    pub anonymous: KindLimits,
    /// For signed-in users.
    pub user: KindLimits,
    /// For ADMIN and HERO.
    pub admin: KindLimits,
    /// Accepted documents kept parsed, at most.
    pub cache_entries: usize,
    /// Memory of the documents kept parsed, in bytes, estimated from text and tokens.
    pub cache_bytes: usize,
    /// Bytes of an answer's data, serialized; of each event for subscriptions.
    pub answer_bytes: usize,
    /// Buckets of users that are not full, and as many of addresses; those who come then share one.
    pub buckets: usize,
    /// Texts of automatic persisted queries that are kept, at most.
    pub persisted_entries: usize,
    /// Memory of the texts of automatic persisted queries, in bytes.
    pub persisted_bytes: usize,
}

/// One column of the limits table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindLimits {
    /// Bytes of a request body; the transport cuts it while reading.
    pub body_bytes: usize,
    /// Bytes of a document.
    pub document_bytes: usize,
    /// Nesting of `(`, `[` and `{`, in the text and again with fragments written out. Never above 128.
    pub nesting: usize,
    /// Lexical tokens of a document.
    pub tokens: usize,
    /// Operations in a document.
    pub operations: usize,
    /// Fragment definitions in a document.
    pub fragments: usize,
    /// Variables that one operation declares.
    pub variables: usize,
    /// Selections of all operations with fragments written out.
    pub selections: usize,
    /// Aliases of all operations with fragments written out.
    pub aliases: usize,
    /// Directives of all operations with fragments written out.
    pub directives: usize,
    /// Root fields of one operation.
    pub root_fields: usize,
    /// Fields above each other, not counting what lies below `__schema` and `__type`.
    pub depth: usize,
    /// Cost of one operation.
    pub cost: u64,
    /// Points that a full bucket holds.
    pub burst: u64,
    /// Points that come back to a bucket in a second.
    pub refill: u64,
    /// What happens to documents that are not trusted.
    pub trust: Trust,
    /// Errors that an answer lists.
    pub errors: usize,
    /// Time that executing may take, in milliseconds.
    pub execution_ms: u64,
    /// Sockets open at once: per address for anonymous callers, else per user.
    pub sockets: usize,
    /// Operations running at once on one socket.
    pub operations_per_socket: usize,
}

impl Limits {
    /// The column for `kind`.
    pub fn of(&self, kind: CallerKind) -> &KindLimits {
        match kind {
            CallerKind::Anonymous => &self.anonymous,
            CallerKind::User => &self.user,
            CallerKind::Admin => &self.admin,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        let anonymous = KindLimits {
            body_bytes: 64 * KIB,
            document_bytes: 8 * KIB,
            nesting: 32,
            tokens: 1_000,
            operations: 10,
            fragments: 50,
            variables: 100,
            selections: 500,
            aliases: 15,
            directives: 20,
            root_fields: 5,
            depth: 10,
            cost: 1_000,
            burst: 1_000,
            refill: 20,
            trust: Trust::Off,
            errors: 20,
            execution_ms: 5_000,
            sockets: 20,
            operations_per_socket: 2,
        };
        let user = KindLimits {
            body_bytes: 256 * KIB,
            document_bytes: 16 * KIB,
            nesting: 64,
            tokens: 2_000,
            selections: 2_000,
            aliases: 30,
            root_fields: 20,
            depth: 12,
            cost: 5_000,
            burst: 5_000,
            refill: 100,
            execution_ms: 10_000,
            sockets: 10,
            operations_per_socket: 20,
            ..anonymous.clone()
        };
        let admin = KindLimits {
            body_bytes: 1_024 * KIB,
            document_bytes: 64 * KIB,
            tokens: 5_000,
            selections: 10_000,
            aliases: 100,
            root_fields: 50,
            depth: 20,
            cost: 20_000,
            burst: 20_000,
            refill: 500,
            execution_ms: 30_000,
            operations_per_socket: 50,
            ..user.clone()
        };
        Self {
            anonymous,
            user,
            admin,
            cache_entries: 1_024,
            cache_bytes: 16 * KIB * KIB,
            answer_bytes: 8 * KIB * KIB,
            buckets: 65_536,
            persisted_entries: 2_000,
            persisted_bytes: 16 * KIB * KIB,
        }
    }
}
