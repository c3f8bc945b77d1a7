//! Closed sets of words, as they stand in tables and in the API, and which of them may follow which.

/// A change of state that the rules do not know. Nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This cannot go from {from} to {to}.")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: &'static str,
    /// The state it was to go to.
    pub to: &'static str,
}

impl IllegalTransition {
    /// The stable code.
    pub fn code(self) -> &'static str {
        "ILLEGAL_TRANSITION"
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Every word, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word in tables and API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word. `None` when there is no such value.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

/// Words of which each names those that may follow it.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident $word:literal to [$($next:ident),*],)*
    }) => {
        $crate::words::words! {
            $(#[$doc])* $name { $($(#[$vdoc])* $variant $word,)* }
        }

        impl $name {
            /// Whether `next` may follow. No state follows itself.
            pub fn may_become(self, next: Self) -> bool {
                match self { $(Self::$variant => [$(Self::$next),*].contains(&next)),* }
            }

            /// The state after a change to `next`. Refuses what [`Self::may_become`] denies, and names both.
            pub fn become_state(self, next: Self) -> Result<Self, $crate::words::IllegalTransition> {
                if self.may_become(next) {
                    return Ok(next);
                }
                Err($crate::words::IllegalTransition { from: self.as_str(), to: next.as_str() })
            }
        }
    };
}

pub(crate) use {states, words};
