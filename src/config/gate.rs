//! Settings of the Gate: what callers may spend, and which documents are trusted.

use std::path::PathBuf;

use super::{sources::ConfigError, typed::Reader};
use crate::graphql::gate::{KindLimits, Limits, Trust};

/// Settings of the Gate.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The limits by kind of caller.
    pub limits: Limits,
    /// The files of trusted documents.
    pub trusted_files: Vec<PathBuf>,
}

/// The keys of one kind of caller: burst, refill, trust.
type Keys = [&'static str; 3];

const ANONYMOUS: Keys = ["rate.anonymous_burst", "rate.anonymous_per_second", "documents.anonymous"];
const USER: Keys = ["rate.user_burst", "rate.user_per_second", "documents.user"];
const ADMIN: Keys = ["rate.admin_burst", "rate.admin_per_second", "documents.admin"];

/// The most points that a setting may name.
const POINTS_MAX: u64 = 1_000_000_000;

pub(super) fn read(read: &Reader<'_>) -> Result<Gate, ConfigError> {
    let files = read.text("documents.trusted_files")?;
    let trusted_files: Vec<PathBuf> =
        files.split(',').map(str::trim).filter(|file| !file.is_empty()).map(PathBuf::from).collect();
    let column = |limits: KindLimits, [burst, refill, trust]: Keys| {
        let words = [("off", Trust::Off), ("log", Trust::Log), ("enforce", Trust::Enforce)];
        let chosen = read.choice(trust, &words)?;
        if chosen == Trust::Enforce && trusted_files.is_empty() {
            return Err(read.invalid(trust, "off or log while documents.trusted_files names no file"));
        }
        Ok(KindLimits {
            burst: read.number(burst, 1..=POINTS_MAX)?,
            refill: read.number(refill, 1..=POINTS_MAX)?,
            trust: chosen,
            ..limits
        })
    };
    let limits = Limits::default();
    let limits = Limits {
        anonymous: column(limits.anonymous, ANONYMOUS)?,
        user: column(limits.user, USER)?,
        admin: column(limits.admin, ADMIN)?,
        ..limits
    };
    Ok(Gate { limits, trusted_files })
}
