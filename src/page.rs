//! One page of a list that can grow: by key, never by offset, so that it is stable while rows are added.

/// Which page is asked for. The order is the list's own: newest first unless the list says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageArgs<K> {
    /// How many rows, 1–100.
    pub limit: u32,
    /// Only rows that come after this key in the list's order.
    pub after: Option<K>,
    /// Only rows that come before this key in the list's order.
    pub before: Option<K>,
    /// Whether the last rows are asked for instead of the first.
    pub from_end: bool,
    /// Whether the number of all rows is asked for.
    pub with_total: bool,
}

impl<K> PageArgs<K> {
    /// The first `limit` rows.
    pub fn first(limit: u32) -> Self {
        Self { limit, after: None, before: None, from_end: false, with_total: false }
    }

    /// How many rows to read: one more than asked for, to see whether there are further ones.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// A page and what is around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows in the list's order.
    pub items: Vec<T>,
    /// Whether rows follow.
    pub has_next: bool,
    /// Whether rows precede.
    pub has_previous: bool,
    /// The number of all rows, when asked for.
    pub total: Option<i64>,
}

impl<T> Page<T> {
    /// Makes a page of `rows`, which were read in the direction of travel with [`PageArgs::fetch`] as limit: from the
    /// list's start towards its end, or the other way round with `from_end`.
    pub fn from_rows<K>(mut rows: Vec<T>, args: &PageArgs<K>, total: Option<i64>) -> Self {
        let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if args.from_end {
            rows.reverse();
            Self { items: rows, has_next: args.before.is_some(), has_previous: more, total }
        } else {
            Self { items: rows, has_next: more, has_previous: args.after.is_some(), total }
        }
    }

    /// The same page of other values.
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(map).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
            total: self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whether_rows_follow_or_precede() {
        let args = PageArgs::<i64>::first(2);
        let page = Page::from_rows(vec![9, 8, 7], &args, None);
        assert_eq!((page.items, page.has_next, page.has_previous), (vec![9, 8], true, false));
        let args = PageArgs { from_end: true, before: Some(5_i64), ..args };
        let page = Page::from_rows(vec![6, 7], &args, None);
        assert_eq!((page.items, page.has_next, page.has_previous), (vec![7, 6], true, false));
    }
}
