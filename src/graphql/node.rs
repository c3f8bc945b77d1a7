//! Global ids: an opaque text of a kind and a UUID. This module alone encodes and decodes them.

use async_graphql::ID;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::error::Error;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $tag:literal;)*) => {
        /// What an id stands for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum NodeKind { $($(#[$doc])* $variant),* }

        impl NodeKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn tag(self) -> u8 {
                match self { $(Self::$variant => $tag),* }
            }
        }
    };
}

kinds! {
    /// A person.
    User = b'U';
    /// A tenant.
    Account = b'A';
    /// A credit transaction.
    CreditTransaction = b'C';
    /// An AI model.
    AiModel = b'M';
    /// An AI task.
    AiTask = b'T';
    /// An image.
    Image = b'I';
    /// A notification.
    Notification = b'N';
}

/// The id of `kind` and `uuid`.
pub fn encode(kind: NodeKind, uuid: Uuid) -> ID {
    let mut bytes = [0_u8; 17];
    let (tag, rest) = bytes.split_at_mut(1);
    tag.copy_from_slice(&[kind.tag()]);
    rest.copy_from_slice(uuid.as_bytes());
    ID(URL_SAFE_NO_PAD.encode(bytes))
}

/// The kind and UUID of any id of ours. `None` for everything else.
pub fn decode_any(id: &ID) -> Option<(NodeKind, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(id.as_str()).ok()?;
    let (tag, uuid) = bytes.split_first()?;
    let kind = NodeKind::ALL.iter().copied().find(|kind| kind.tag() == *tag)?;
    Some((kind, Uuid::from_slice(uuid).ok()?))
}

/// The UUID of an id of `kind`, found at `path` of the arguments. Refuses: `BadUserInput`.
pub fn decode(kind: NodeKind, id: &ID, path: &[&str]) -> Result<Uuid, Error> {
    match decode_any(id) {
        Some((found, uuid)) if found == kind => Ok(uuid),
        _ => Err(Error::bad_input(
            format!("This is not the id of a {kind:?}. Take it from a {kind:?}'s field `id`."),
            path,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G39
    #[test]
    fn reads_back_every_kind_and_refuses_another() {
        let uuid = Uuid::from_u128(7);
        for kind in NodeKind::ALL {
            let id = encode(*kind, uuid);
            assert_eq!(decode_any(&id), Some((*kind, uuid)));
        }
        assert!(decode(NodeKind::User, &encode(NodeKind::Account, uuid), &["id"]).is_err());
        assert!(decode(NodeKind::User, &ID("garbage".into()), &["id"]).is_err());
        assert!(decode(NodeKind::User, &ID(String::new()), &["id"]).is_err());
    }
}
