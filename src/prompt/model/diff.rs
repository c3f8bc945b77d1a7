//! What changed between two texts, by line and by clause.

use similar::{Algorithm, ChangeTag, TextDiff, capture_diff_slices};

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

/// The change by line. Each piece is a line without its line break.
pub fn diff_lines(old: &str, new: &str) -> Vec<Change> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    diff_pieces(&lines(old), &lines(new))
}

/// The change by clause. Each piece is a clause, the last of a sentence with its mark.
pub fn diff_clauses(old: &str, new: &str) -> Vec<Change> {
    diff_pieces(&pieces(old), &pieces(new))
}

/// The change by line as text: two blanks, `- ` or `+ ` before each line.
pub fn line_diff_text(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut out = String::new();
    for change in diff.iter_all_changes() {
        out.push_str(match change.tag() {
            ChangeTag::Equal => "  ",
            ChangeTag::Delete => "- ",
            ChangeTag::Insert => "+ ",
        });
        out.push_str(change.value().trim_end_matches(['\n', '\r']));
        out.push('\n');
    }
    out
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

fn diff_pieces(old: &[String], new: &[String]) -> Vec<Change> {
    let ops = capture_diff_slices(Algorithm::Myers, old, new);
    let changes = ops.iter().flat_map(|op| op.iter_changes(old, new));
    changes.map(|change| Change { kind: ChangeKind::of(change.tag()), text: change.value() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(changes: &[Change]) -> Vec<(&'static str, &str)> {
        changes.iter().map(|change| (change.kind.as_str(), change.text.as_str())).collect()
    }

    #[test]
    fn compares_by_line() {
        let changes = diff_lines("a\nb\nc\n", "a\nc\nd");
        assert_eq!(shown(&changes), [("SAME", "a"), ("REMOVED", "b"), ("SAME", "c"), ("ADDED", "d")]);
        assert_eq!(line_diff_text("a\nb\n", "a\r\nb"), "- a\n- b\n+ a\n+ b\n");
        assert!(diff_lines("", "").is_empty());
    }

    #[test]
    fn compares_by_clause() {
        let changes = diff_clauses("warm light, no blur, haze. 1,000 lamps", "warm light, haze! 1,000 lamps, gold");
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
        assert!(diff_clauses("a, b", "a,b").iter().all(|change| change.kind == ChangeKind::Same));
    }
}
