//! What an administrator set for a provider.

use uuid::Uuid;

use super::Settings;
use crate::clock::Micros;

/// A secret as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which of our keys it is encrypted under.
    pub key_id: String,
    /// Never used twice under one key.
    pub nonce: Vec<u8>,
    /// The secret with its tag.
    pub ciphertext: Vec<u8>,
}

/// A provider's key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The key, encrypted.
    pub sealed: Sealed,
    /// Tells keys apart and says nothing about them.
    pub fingerprint: String,
    /// Who entered it.
    pub set_by: Option<Uuid>,
    /// When.
    pub set_at: Micros,
}

/// What an administrator set for a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSetup {
    /// The adapter's name.
    pub name: String,
    /// Whether calls may be sent to it.
    pub is_enabled: bool,
    /// Where the API's paths hang; `None`: the configuration's, else the adapter's own.
    pub base_url: Option<String>,
    /// Settings of every call, of either kind.
    pub settings: Settings,
    /// Its key; `None`: the configuration's.
    pub key: Option<StoredKey>,
    /// Raised by every edit; 0 where nobody has set anything.
    pub version: i32,
    /// When it was last edited; `None` where nobody has.
    pub updated_at: Option<Micros>,
}

impl ProviderSetup {
    /// A provider about which nobody has said anything.
    pub fn untouched(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_enabled: true,
            base_url: None,
            settings: Settings::new(),
            key: None,
            version: 0,
            updated_at: None,
        }
    }
}
