//! Bytes as hexadecimal text in lower case, and nothing else: one value has one spelling.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes that JSON shows in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hexed<T>(pub T);

impl<T: AsRef<[u8]>> Serialize for Hexed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0.as_ref()))
    }
}

impl<'de, T: TryFrom<Vec<u8>>> Deserialize<'de> for Hexed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text).map_err(|_| D::Error::custom("not hexadecimal"))?;
        T::try_from(bytes).map(Self).map_err(|_| D::Error::custom("a value of another length"))
    }
}
