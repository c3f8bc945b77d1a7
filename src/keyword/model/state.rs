//! The words of keywords and clusters in tables and API, and which state may follow which.

use crate::words::{states, words};

pub use crate::words::IllegalTransition;

states! {
    /// Where a keyword is in its life.
    KeywordState {
        /// In no cluster yet.
        New "NEW" to [Clustered, Archived],
        /// In a cluster.
        Clustered "CLUSTERED" to [InUse, Orphaned, Archived],
        /// In a cluster that content is made of.
        InUse "IN_USE" to [Archived],
        /// Its cluster was deleted.
        Orphaned "ORPHANED" to [Clustered, Archived],
        /// Put away; restored, it is new.
        Archived "ARCHIVED" to [New],
    }
}

impl KeywordState {
    /// Whether clustering takes it.
    pub fn is_clusterable(self) -> bool {
        matches!(self, Self::New | Self::Orphaned)
    }

    /// Whether it is in a cluster.
    pub fn is_clustered(self) -> bool {
        matches!(self, Self::Clustered | Self::InUse)
    }
}

states! {
    /// Where a cluster is in its life.
    ClusterState {
        /// Without ideas.
        New "NEW" to [Mapped],
        /// With ideas.
        Mapped "MAPPED" to [Finalized],
        /// Nothing more is planned for it.
        Finalized "FINALIZED" to [],
    }
}

words! {
    /// What kind of content serves a cluster, and what an idea or a content task is for.
    ContentType {
        /// A page of the site.
        Page "PAGE",
        /// A post of its blog.
        Blog "BLOG",
        /// A page that lists others.
        Category "CATEGORY",
        /// A page about one product.
        Product "PRODUCT",
    }
}

words! {
    /// What people who search for a keyword want.
    Intent {
        /// To know.
        Informational "INFORMATIONAL",
        /// To get to a place they know.
        Navigational "NAVIGATIONAL",
        /// To compare before they buy.
        Commercial "COMMERCIAL",
        /// To buy, or to do.
        Transactional "TRANSACTIONAL",
    }
}

impl ContentType {
    /// Reads the word in any case, as models write it.
    pub fn lenient(text: &str) -> Option<Self> {
        Self::parse(&text.trim().to_ascii_uppercase())
    }
}

impl Intent {
    /// Reads the word in any case, its first letter, or the first of several, as models and keyword tools write it.
    pub fn lenient(text: &str) -> Option<Self> {
        let word = text.split([',', '/', '|']).next().unwrap_or_default().trim().to_ascii_uppercase();
        let by_letter = |intent: &Self| word.len() == 1 && intent.as_str().starts_with(&word);
        Self::parse(&word).or_else(|| Self::ALL.iter().copied().find(by_letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_changes_as_specified_and_not_otherwise() {
        use KeywordState::{Archived, Clustered, InUse, New, Orphaned};
        let legal = [
            (New, Clustered),
            (Clustered, InUse),
            (Clustered, Orphaned),
            (Orphaned, Clustered),
            (New, Archived),
            (Clustered, Archived),
            (InUse, Archived),
            (Orphaned, Archived),
            (Archived, New),
        ];
        for from in KeywordState::ALL {
            for to in KeywordState::ALL {
                let allowed = legal.contains(&(*from, *to));
                let expected = IllegalTransition { from: from.as_str(), to: to.as_str() };
                assert_eq!(from.become_state(*to), if allowed { Ok(*to) } else { Err(expected) });
            }
        }
        let clusterable: Vec<_> = KeywordState::ALL.iter().filter(|state| state.is_clusterable()).collect();
        assert_eq!(clusterable, [&New, &Orphaned]);
    }

    #[test]
    fn a_cluster_only_goes_forward() {
        use ClusterState::{Finalized, Mapped, New};
        for from in ClusterState::ALL {
            for to in ClusterState::ALL {
                assert_eq!(from.may_become(*to), [(New, Mapped), (Mapped, Finalized)].contains(&(*from, *to)));
            }
        }
    }

    #[test]
    fn reads_back_every_word() {
        for word in KeywordState::WORDS {
            assert_eq!(KeywordState::parse(word).unwrap().as_str(), *word);
        }
        for intent in Intent::ALL {
            assert_eq!(Intent::parse(intent.as_str()), Some(*intent));
        }
        assert_eq!(ClusterState::parse("new"), None);
        assert_eq!(ContentType::lenient(" Blog "), Some(ContentType::Blog));
        for text in ["commercial", "C", "Commercial, Informational"] {
            assert_eq!(Intent::lenient(text), Some(Intent::Commercial), "{text}");
        }
        assert_eq!((Intent::lenient(""), Intent::lenient("X")), (None, None));
    }
}
