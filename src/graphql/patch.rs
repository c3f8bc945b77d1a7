//! Fields of an edit: what is omitted stays, and null clears where there may be nothing.

use async_graphql::MaybeUndefined;

use crate::error::Error;

/// What `field`, called `name` in the input, becomes; `None` keeps it. Refuses: `BadUserInput` for null.
pub fn kept<T>(field: MaybeUndefined<T>, name: &str) -> Result<Option<T>, Error> {
    match field {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Null => {
            Err(Error::bad_input(format!("`{name}` cannot be cleared; leave it out to keep it."), &["input", name]))
        }
    }
}

/// What `field` becomes; `None` keeps it, `Some(None)` clears it.
pub fn clearable<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
