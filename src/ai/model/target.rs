//! What a command of the pipeline is about: things that others own, named by their ids.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What a command of the pipeline is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// The site whose they must be; any of the account where there is none.
    pub site: Option<Uuid>,
    /// The things; which kind depends on the function.
    pub ids: Vec<Uuid>,
    /// How many are wanted of each: ideas of a cluster, in-article images of a content.
    pub wanted: Option<i32>,
    /// The keywords aimed at, where the thing's own are not meant.
    pub keywords: Option<Vec<String>>,
    /// Whether what is done already may be done again, as a new version.
    pub redo: bool,
}

/// What one item is about, as it is stored with the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The thing, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The site whose content it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Uuid>,
    /// What reading the answer needs besides; ids rather than content.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub facts: Value,
}

impl TargetRefusal {
    /// Which of the things it is about, from 1; `None` where it is about all of them.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::NotFound { position }
            | Self::Twice { position }
            | Self::WrongState { position, .. }
            | Self::MixedSectors { position } => Some(*position),
            _ => None,
        }
    }
}

/// Why a thing cannot be worked on. Positions count from 1, in the order of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// It is not there, or not the account's.
    #[error("Number {position} is not there.")]
    NotFound {
        /// Which.
        position: usize,
    },
    /// It was named before.
    #[error("Number {position} is named twice. Name each once.")]
    Twice {
        /// Which.
        position: usize,
    },
    /// Its state does not allow it.
    #[error("Number {position} is {state}; it must be {allowed}.")]
    WrongState {
        /// Which.
        position: usize,
        /// What it is.
        state: &'static str,
        /// What it must be, in words.
        allowed: &'static str,
    },
    /// Clustering needs at least two.
    #[error("Clustering needs at least 2 keywords; there are {count}.")]
    TooFewKeywords {
        /// How many there are.
        count: usize,
    },
    /// They are not all of one sector, or of one site outside sectors.
    #[error("Number {position} is of another sector or site than the first. Cluster each sector by itself.")]
    MixedSectors {
        /// Which.
        position: usize,
    },
    /// More than one command takes.
    #[error("There are {count}; one command takes 1–{max}.")]
    CountOutOfRange {
        /// How many there are.
        count: usize,
        /// The most.
        max: usize,
    },
    /// The number wanted of each is out of range.
    #[error("The number wanted is {wanted}; it must be {min}–{max}.")]
    WantedOutOfRange {
        /// What was asked.
        wanted: i32,
        /// The least.
        min: i32,
        /// The most.
        max: i32,
    },
    /// A target keyword is blank or too long, or there are too many.
    #[error("Target keywords: 1–{max} of 1–{chars_max} characters each.")]
    KeywordsInvalid {
        /// How many there may be.
        max: usize,
        /// How long each may be.
        chars_max: usize,
    },
}
