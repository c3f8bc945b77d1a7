//! Connections: keyset pages with opaque cursors (G40).

use async_graphql::{Context, SimpleObject};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{error::Error, page::PageArgs};

/// Rows of a page when the client does not say.
pub const DEFAULT: i32 = 20;
/// The most rows of a page.
pub const MAX: i32 = 100;

/// What surrounds a page.
#[derive(Debug, Clone, SimpleObject)]
pub struct PageInfo {
    /// Whether rows follow.
    pub has_next_page: bool,
    /// Whether rows precede.
    pub has_previous_page: bool,
    /// The first row's cursor; null for an empty page.
    pub start_cursor: Option<String>,
    /// The last row's cursor; null for an empty page.
    pub end_cursor: Option<String>,
}

/// A key that a list is ordered by, as a cursor.
pub trait CursorKey: Sized {
    /// The opaque text.
    fn to_cursor(&self) -> String;
    /// Reads it back; `None` when it is not one of ours.
    fn from_cursor(text: &str) -> Option<Self>;
}

impl CursorKey for i64 {
    fn to_cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("n{self}"))
    }

    fn from_cursor(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        std::str::from_utf8(&bytes).ok()?.strip_prefix('n')?.parse().ok()
    }
}

impl CursorKey for Uuid {
    fn to_cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("u{}", self.simple()))
    }

    fn from_cursor(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Self::parse_str(std::str::from_utf8(&bytes).ok()?.strip_prefix('u')?).ok()
    }
}

impl CursorKey for (i64, Uuid) {
    fn to_cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("p{}.{}", self.0, self.1.simple()))
    }

    fn from_cursor(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (number, id) = std::str::from_utf8(&bytes).ok()?.strip_prefix('p')?.split_once('.')?;
        Some((number.parse().ok()?, Uuid::parse_str(id).ok()?))
    }
}

/// The four arguments of a connection, as they came.
#[derive(Debug, Default, Clone)]
pub struct ConnectionArgs {
    /// How many from the start.
    pub first: Option<i32>,
    /// Only after this cursor.
    pub after: Option<String>,
    /// How many from the end.
    pub last: Option<i32>,
    /// Only before this cursor.
    pub before: Option<String>,
}

impl ConnectionArgs {
    /// Checks them. Refuses: `BadUserInput` for both `first` and `last`, a size outside 1–100, a cursor not ours.
    pub fn check<K: CursorKey>(self, ctx: &Context<'_>) -> Result<PageArgs<K>, Error> {
        let (size, from_end, name) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(Error::bad_input("Give `first` or `last`, not both.", &["last"])),
            (None, Some(last)) => (last, true, "last"),
            (first, None) => (first.unwrap_or(DEFAULT), false, "first"),
        };
        if !(1..=MAX).contains(&size) {
            return Err(Error::bad_input(format!("`{name}` is {size}; it must be 1–{MAX}."), &[name]));
        }
        let cursor = |text: Option<String>, name: &str| match text {
            None => Ok(None),
            Some(text) => K::from_cursor(&text)
                .map(Some)
                .ok_or_else(|| Error::bad_input("This is not a cursor of this list.", &[name])),
        };
        Ok(PageArgs {
            limit: size.unsigned_abs(),
            after: cursor(self.after, "after")?,
            before: cursor(self.before, "before")?,
            from_end,
            with_total: ctx.look_ahead().field("totalCount").exists(),
        })
    }
}

/// Defines `XConnection` and `XEdge` of a type. The type's cursor key comes from `$key`, a function of a reference.
#[macro_export]
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty, $title:literal, $key:expr) => {
        #[doc = concat!("A page of ", $title, ".")]
        #[derive(Clone, async_graphql::SimpleObject)]
        pub struct $connection {
            /// The rows with their cursors.
            pub edges: Vec<$edge>,
            /// The rows.
            pub nodes: Vec<$node>,
            /// What surrounds the page.
            pub page_info: $crate::graphql::page::PageInfo,
            /// The number of all rows that match, 0 or more; counted only when it is selected.
            pub total_count: $crate::graphql::scalars::SafeInt,
        }

        #[doc = concat!("One of ", $title, ", with its cursor.")]
        #[derive(Clone, async_graphql::SimpleObject)]
        pub struct $edge {
            /// Give it as `after` or `before` to continue from here.
            pub cursor: String,
            /// The row.
            pub node: $node,
        }

        impl From<$crate::page::Page<$node>> for $connection {
            fn from(page: $crate::page::Page<$node>) -> Self {
                use $crate::graphql::page::CursorKey as _;
                let edges: Vec<$edge> = page
                    .items
                    .iter()
                    .map(|node| $edge { cursor: ($key)(node).to_cursor(), node: node.clone() })
                    .collect();
                Self {
                    page_info: $crate::graphql::page::PageInfo {
                        has_next_page: page.has_next,
                        has_previous_page: page.has_previous,
                        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                    },
                    edges,
                    nodes: page.items,
                    total_count: $crate::graphql::scalars::SafeInt(page.total.unwrap_or(0)),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    // G40
    #[test]
    fn reads_back_its_own_cursors_only() {
        assert_eq!(i64::from_cursor(&42_i64.to_cursor()), Some(42));
        let id = Uuid::from_u128(9);
        assert_eq!(Uuid::from_cursor(&id.to_cursor()), Some(id));
        assert_eq!(i64::from_cursor(&id.to_cursor()), None);
        assert_eq!(<(i64, Uuid)>::from_cursor(&(42_i64, id).to_cursor()), Some((42, id)));
        assert_eq!(<(i64, Uuid)>::from_cursor(&42_i64.to_cursor()), None);
        assert_eq!(Uuid::from_cursor("%%%"), None);
    }
}
