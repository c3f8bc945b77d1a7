//! What changed between two texts, by line and by clause.

use std::time::Instant;

use similar::{Algorithm, ChangeTag, capture_diff_slices_deadline};

use super::clause::sentences;

/// What happened to a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is in both.
    Same,
    /// It is in the old text alone.
    Removed,
    /// It is in the new text alone.
    Added,
}

impl ChangeKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "SAME",
            Self::Removed => "REMOVED",
            Self::Added => "ADDED",
        }
    }

    fn of(tag: ChangeTag) -> Self {
        match tag {
            ChangeTag::Equal => Self::Same,
            ChangeTag::Delete => Self::Removed,
            ChangeTag::Insert => Self::Added,
        }
    }
}

/// A piece of text and what happened to it. The pieces that are not added make the old text, those not removed the new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The piece.
    pub text: String,
}

/// The change by line. Each piece is a line without its line break. What is not compared by `deadline` counts as removed
/// and added.
pub fn diff_lines(old: &str, new: &str, deadline: Instant) -> Vec<Change> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    diff_pieces(&lines(old), &lines(new), deadline)
}

/// The change by clause. Each piece is a clause, the last of a sentence with its mark. What is not compared by `deadline`
/// counts as removed and added.
pub fn diff_clauses(old: &str, new: &str, deadline: Instant) -> Vec<Change> {
    diff_pieces(&pieces(old), &pieces(new), deadline)
}

fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for sentence in sentences(text) {
        let last = sentence.clauses.len().saturating_sub(1);
        for (at, clause) in sentence.clauses.iter().enumerate() {
            let mark = if at == last { sentence.mark } else { "" };
            if !clause.is_empty() || !mark.is_empty() {
                pieces.push(format!("{clause}{mark}"));
            }
        }
    }
    pieces
}

fn diff_pieces(old: &[String], new: &[String], deadline: Instant) -> Vec<Change> {
    let ops = capture_diff_slices_deadline(Algorithm::Myers, old, new, Some(deadline));
    let changes = ops.iter().flat_map(|op| op.iter_changes(old, new));
    changes.map(|change| Change { kind: ChangeKind::of(change.tag()), text: change.value() }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn shown(changes: &[Change]) -> Vec<(&'static str, &str)> {
        changes.iter().map(|change| (change.kind.as_str(), change.text.as_str())).collect()
    }

    #[test]
    fn compares_by_line() {
        let changes = diff_lines("a\nb\nc\n", "a\nc\nd", soon());
        assert_eq!(shown(&changes), [("SAME", "a"), ("REMOVED", "b"), ("SAME", "c"), ("ADDED", "d")]);
        assert!(diff_lines("", "", soon()).is_empty());
    }

    #[test]
    fn compares_by_clause() {
        let (old, new) = ("warm light, no blur, haze. 1,000 lamps", "warm light, haze! 1,000 lamps, gold");
        let changes = diff_clauses(old, new, soon());
        assert_eq!(
            shown(&changes),
            [
                ("SAME", "warm light"),
                ("REMOVED", "no blur"),
                ("REMOVED", "haze."),
                ("ADDED", "haze!"),
                ("SAME", "1,000 lamps"),
                ("ADDED", "gold")
            ]
        );
        assert!(diff_clauses("a, b", "a,b", soon()).iter().all(|change| change.kind == ChangeKind::Same));
    }

    #[test]
    fn what_takes_too_long_counts_as_replaced() {
        let (old, new) = (format!("x\n{}y", "a\n".repeat(9_000)), format!("x\n{}y", "b\n".repeat(9_000)));
        let at = Instant::now();
        let changes = diff_lines(&old, &new, at + Duration::from_millis(50));
        assert!(at.elapsed() < Duration::from_secs(2), "{:?}", at.elapsed());
        let of = |dropped: ChangeKind| -> String {
            let kept = changes.iter().filter(|change| change.kind != dropped);
            kept.map(|change| change.text.as_str()).collect::<Vec<_>>().join("\n")
        };
        assert_eq!((of(ChangeKind::Added), of(ChangeKind::Removed)), (old, new));
    }
}
