//! What is hashed and signed of the trail. docs/proof.md describes the forms; whoever changes one gives it a new tag. Pure.

use ring::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Recorded;
use crate::clock::Micros;

/// What stands before the hashed bytes of a link, and names their form.
const LINK_TAG: &str = "inkledger/audit-link/1";
/// What stands before the hashed words of a row.
const WORDS_TAG: &str = "inkledger/audit-words/1";
/// What stands before the signed bytes of a head, and names the form of its line.
const HEAD_TAG: &str = "inkledger/audit-head/1";

/// A SHA-256 hash.
pub type Digest = [u8; 32];

/// What the first link names as the one before it.
pub const NOTHING_BEFORE: Digest = [0; 32];

/// The salt of a row's words.
pub type Salt = [u8; 16];

/// Signs heads of the chain.
pub trait Signer: Send + Sync {
    /// The key's name.
    fn name(&self) -> &str;
    /// An Ed25519 signature.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// Checks what a [`Signer`] signed.
pub trait Checker: Send + Sync {
    /// Whether the key `name` is known and signed `message`; else why it proves nothing.
    fn check(&self, name: &str, message: &[u8], signature: &[u8; 64]) -> Result<(), String>;
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Bytes with one reading: numbers are 8 bytes big-endian, ids 16 bytes, texts their length and their bytes; what may be
/// missing has a byte 0 or 1 before it.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn tagged(tag: &str) -> Self {
        Self(tag.as_bytes().to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(self, number: i64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.number(i64::try_from(text.len()).unwrap_or(i64::MAX)).raw(text.as_bytes())
    }

    fn text_or_none(self, text: Option<&str>) -> Self {
        match text {
            None => self.raw(&[0]),
            Some(text) => self.raw(&[1]).text(text),
        }
    }

    fn id_or_none(self, id: Option<Uuid>) -> Self {
        match id {
            None => self.raw(&[0]),
            Some(id) => self.raw(&[1]).raw(id.as_bytes()),
        }
    }
}

/// The hash of what a row says in words, `before` and `after`. It stands in the link, so that the words of a person who is
/// erased can go without breaking the chain; `salt` goes with them, so that nobody can try words against the hash.
pub fn words(salt: &Salt, before: Option<&str>, after: Option<&str>) -> Digest {
    sha256(&Bytes::tagged(WORDS_TAG).raw(salt).text_or_none(before).text_or_none(after).0)
}

/// The salt of `entry` in a pass that drew `seed`.
pub fn salt(seed: &[u8; 32], entry: Uuid) -> Salt {
    let hash = sha256(&Bytes::default().raw(seed).raw(entry.as_bytes()).0);
    let mut salt = [0; 16];
    for (to, from) in salt.iter_mut().zip(hash) {
        *to = from;
    }
    salt
}

/// A link of the chain, without what it hashes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// 1, 2, 3 … without a gap.
    pub number: i64,
    /// When the row was sealed, microseconds.
    pub sealed_at: Micros,
    /// The hash of the row's words.
    pub words: Digest,
}

/// The hash of a link: tag ‖ hash of the link before it ‖ number ‖ sealed_at ‖ words ‖ every other column of the row.
pub fn link(previous: &Digest, link: &Link, row: &Recorded) -> Digest {
    let bytes = Bytes::tagged(LINK_TAG)
        .raw(previous)
        .number(link.number)
        .number(link.sealed_at)
        .raw(&link.words)
        .raw(row.id.as_bytes())
        .id_or_none(row.account_id)
        .text(&row.actor_kind)
        .id_or_none(row.actor_id)
        .text(&row.action)
        .text(&row.target_kind)
        .id_or_none(row.target_id)
        .text_or_none(row.request_id.as_deref())
        .number(row.at);
    sha256(&bytes.0)
}

/// Where the chain stood at a moment. Its signature stands over [`Head::bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which database.
    pub database: Uuid,
    /// The restore epoch.
    pub epoch: i64,
    /// The number of the last link.
    pub number: i64,
    /// Its hash.
    pub hash: Digest,
    /// When the line was written, microseconds.
    pub at: Micros,
}

impl Head {
    /// The signed bytes: tag ‖ database ‖ epoch ‖ number ‖ hash ‖ at.
    pub fn bytes(&self) -> Vec<u8> {
        let bytes = Bytes::tagged(HEAD_TAG).raw(self.database.as_bytes()).number(self.epoch).number(self.number);
        bytes.raw(&self.hash).number(self.at).0
    }
}

/// A head with its signature: a line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub head: Head,
    /// The name of the key that signed it.
    pub key: String,
    /// The signature.
    pub signature: [u8; 64],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    database: Uuid,
    epoch: i64,
    number: i64,
    hash: String,
    at: i64,
    key: String,
    signature: String,
}

impl Line {
    /// Signs `head`.
    pub fn seal(head: Head, signer: &dyn Signer) -> Self {
        Self { head, key: signer.name().to_owned(), signature: signer.sign(&head.bytes()) }
    }

    /// The line of the file, with its end.
    pub fn to_text(&self) -> String {
        let Head { database, epoch, number, hash, at } = self.head;
        let written = Written {
            format: HEAD_TAG.to_owned(),
            database,
            epoch,
            number,
            hash: hex::encode(hash),
            at,
            key: self.key.clone(),
            signature: hex::encode(self.signature),
        };
        // Texts and integers alone, which JSON can always hold.
        serde_json::to_string(&written).unwrap_or_default() + "\n"
    }

    /// Reads a line of the file. Only the exact text that [`Line::to_text`] writes is one.
    pub fn parse(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        let hash = Digest::try_from(hex::decode(&written.hash).ok()?).ok()?;
        let signature = <[u8; 64]>::try_from(hex::decode(&written.signature).ok()?).ok()?;
        let Written { database, epoch, number, at, key, .. } = written;
        let line = Self { head: Head { database, epoch, number, hash, at }, key, signature };
        (written.format == HEAD_TAG && line.to_text().trim_end() == text.trim_end_matches('\n')).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Recorded {
        Recorded {
            id: Uuid::from_u128(1),
            account_id: None,
            actor_kind: "admin".to_owned(),
            actor_id: Some(Uuid::from_u128(2)),
            action: "flag.set".to_owned(),
            target_kind: "flag".to_owned(),
            target_id: None,
            before: None,
            after: Some("on".to_owned()),
            request_id: Some("r".to_owned()),
            at: 7,
        }
    }

    #[test]
    fn every_column_and_place_counts() {
        let at = Link { number: 3, sealed_at: 9, words: words(&[4; 16], None, Some("on")) };
        let changes: [fn(&mut Recorded); 9] = [
            |row| row.id = Uuid::from_u128(9),
            |row| row.account_id = Some(Uuid::nil()),
            |row| row.actor_kind = "user".to_owned(),
            |row| row.actor_id = None,
            |row| row.action = "flag.se".to_owned(),
            |row| row.target_kind = "tflag".to_owned(),
            |row| row.target_id = Some(Uuid::from_u128(2)),
            |row| row.request_id = None,
            |row| row.at = 8,
        ];
        let mut hashes = vec![link(&[1; 32], &at, &row())];
        for change in changes {
            let mut changed = row();
            change(&mut changed);
            hashes.push(link(&[1; 32], &at, &changed));
        }
        hashes.push(link(&[2; 32], &at, &row()));
        hashes.push(link(&[1; 32], &Link { number: 4, ..at }, &row()));
        hashes.push(link(&[1; 32], &Link { sealed_at: 8, ..at }, &row()));
        hashes.push(link(&[1; 32], &Link { words: words(&[4; 16], Some("on"), None), ..at }, &row()));
        hashes.push(link(&[1; 32], &Link { words: words(&[5; 16], None, Some("on")), ..at }, &row()));
        let total = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), total);
    }

    #[test]
    fn a_line_has_one_spelling() {
        struct Pen;
        impl Signer for Pen {
            fn name(&self) -> &str {
                "pen"
            }
            fn sign(&self, message: &[u8]) -> [u8; 64] {
                [u8::try_from(message.len()).unwrap(); 64]
            }
        }
        let head = Head { database: Uuid::from_u128(3), epoch: 1, number: 5, hash: [6; 32], at: 7 };
        let line = Line::seal(head, &Pen);
        let text = line.to_text();
        assert_eq!(Line::parse(text.trim_end()), Some(line));
        assert_eq!(Line::parse(&text.replace("\"number\":5", "\"number\": 5")), None);
        assert_eq!(Line::parse(&text.replace("audit-head/1", "audit-head/2")), None);
        assert_eq!(Line::parse("{}"), None);
    }
}
