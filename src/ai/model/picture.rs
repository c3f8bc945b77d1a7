//! What can be asked of an image besides its prompt: the shape and the care taken.

use serde::{Deserialize, Serialize};

/// Width to height, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AspectRatio(u8, u8);

impl AspectRatio {
    /// 1:1.
    pub const SQUARE: Self = Self(1, 1);

    /// Every ratio that can be asked for.
    pub const ALL: [Self; 13] = [
        Self(1, 1),
        Self(16, 9),
        Self(9, 16),
        Self(4, 3),
        Self(3, 4),
        Self(4, 5),
        Self(5, 7),
        Self(3, 2),
        Self(2, 3),
        Self(10, 16),
        Self(16, 10),
        Self(1, 3),
        Self(3, 1),
    ];

    /// How far `width` to `height` is off the ratio, in per cent of it, rounded up; both are at least 1.
    pub fn slant(self, width: i32, height: i32) -> i64 {
        let (wide, high) = (i64::from(width) * i64::from(self.1), i64::from(height) * i64::from(self.0));
        ((wide - high).abs() * 100 + high - 1) / high.max(1)
    }

    /// Width and height of the ratio, `by` pixels for each part.
    #[cfg(test)]
    pub fn scaled(self, by: i32) -> (i32, i32) {
        (i32::from(self.0) * by, i32::from(self.1) * by)
    }

    /// Reads `16:9`. `None` for a ratio that is not in [`Self::ALL`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ratio| ratio.to_string() == text)
    }
}

impl Default for AspectRatio {
    fn default() -> Self {
        Self::SQUARE
    }
}

impl From<AspectRatio> for String {
    fn from(ratio: AspectRatio) -> Self {
        ratio.to_string()
    }
}

impl TryFrom<String> for AspectRatio {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text} is not an aspect ratio"))
    }
}

impl std::fmt::Display for AspectRatio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// How much care a model takes, where it offers a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Quality {
    /// Quick and cheap.
    Fast,
    /// The usual.
    #[default]
    Standard,
    /// Better.
    High,
    /// The best it can.
    Ultra,
}

impl Quality {
    /// Every quality, least first.
    pub const ALL: [Self; 4] = [Self::Fast, Self::Standard, Self::High, Self::Ultra];

    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "FAST",
            Self::Standard => "STANDARD",
            Self::High => "HIGH",
            Self::Ultra => "ULTRA",
        }
    }

    /// Reads the word. `None` when there is no such quality.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| quality.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_and_qualities_read_back_as_written() {
        for ratio in AspectRatio::ALL {
            assert_eq!(AspectRatio::parse(&ratio.to_string()), Some(ratio));
        }
        for text in ["", "1:2", "16:9 ", "016:9", "2:2"] {
            assert_eq!(AspectRatio::parse(text), None, "{text}");
        }
        for quality in Quality::ALL {
            assert_eq!(Quality::parse(quality.as_str()), Some(quality));
        }
    }
}
