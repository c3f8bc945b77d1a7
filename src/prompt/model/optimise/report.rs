//! What optimising a list of prompts would do, row by row and in sum, with a hash that guards the apply.

use ring::digest::{Context, SHA256};
use uuid::Uuid;

use super::super::{Category, clause::length, key::PromptKey};
use super::{Optimised, Phrases, optimise};

/// A prompt to examine.
#[derive(Debug, Clone)]
pub struct OptimiseItem {
    /// The prompt.
    pub prompt_id: Uuid,
    /// Its active version.
    pub version_id: Uuid,
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: PromptKey,
    /// Its text.
    pub content: String,
    /// False when it is marked `optimise: false`, or can have no further version.
    pub optimise: bool,
    /// Clauses to keep in any case.
    pub protected_clauses: Vec<String>,
}

/// What happens to a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimiseStatus {
    /// It gets a new text.
    Changed,
    /// It is clean.
    Unchanged,
    /// Its category is protected, it is marked so, or no version number is left for it.
    Protected,
    /// Nothing would be left of it, so it stays.
    RefusedEmpty,
    /// It would become longer than a prompt may be, so it stays.
    RefusedTooLong,
}

impl OptimiseStatus {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "CHANGED",
            Self::Unchanged => "UNCHANGED",
            Self::Protected => "PROTECTED",
            Self::RefusedEmpty => "REFUSED_EMPTY",
            Self::RefusedTooLong => "REFUSED_TOO_LONG",
        }
    }
}

/// What happens to one prompt. Lengths are in Unicode scalar values.
#[derive(Debug, Clone)]
pub struct OptimiseRow {
    /// The prompt.
    pub prompt_id: Uuid,
    /// The version that was examined.
    pub version_id: Uuid,
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: PromptKey,
    /// The text as it is.
    pub before: String,
    /// The text as it would be; equal to `before` unless changed.
    pub after: String,
    /// The length of `before`.
    pub length_before: i64,
    /// The length of `after`.
    pub length_after: i64,
    /// The difference; negative when mended commas need blanks.
    pub saved: i64,
    /// The clauses left out, in their order.
    pub removed: Vec<String>,
    /// What happens.
    pub status: OptimiseStatus,
}

/// The sums of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OptimiseTotals {
    /// How many rows there are.
    pub examined: i64,
    /// How many of them are changed.
    pub changed: i64,
    /// Characters before.
    pub length_before: i64,
    /// Characters after.
    pub length_after: i64,
    /// Characters saved.
    pub saved: i64,
}

impl OptimiseTotals {
    /// Characters saved per changed prompt. `None` when none is.
    pub fn average_per_changed(&self) -> Option<f64> {
        average(self.saved, self.changed)
    }

    /// Characters saved per examined prompt. `None` when there is none.
    pub fn average_per_examined(&self) -> Option<f64> {
        average(self.saved, self.examined)
    }
}

fn average(sum: i64, count: i64) -> Option<f64> {
    let exact = |number: i64| i32::try_from(number).ok().map(f64::from);
    Some(exact(sum)? / exact(count).filter(|count| *count > 0.0)?)
}

/// What a dry run answers.
#[derive(Debug, Clone)]
pub struct OptimiseReport {
    /// One per prompt, in the order given.
    pub rows: Vec<OptimiseRow>,
    /// Their sums.
    pub totals: OptimiseTotals,
    /// SHA-256 in hex over the rows and the phrases: differs as soon as any examined prompt or phrase does.
    pub report_hash: String,
}

/// Examines `items` in their order. Prompts in `protected` categories stay as they are.
pub fn optimise_all(items: Vec<OptimiseItem>, phrases: &Phrases, protected: &[Category]) -> OptimiseReport {
    let rows: Vec<OptimiseRow> = items.into_iter().map(|item| examine(item, phrases, protected)).collect();
    let mut totals = OptimiseTotals::default();
    for row in &rows {
        totals.examined += 1;
        totals.changed += i64::from(row.status == OptimiseStatus::Changed);
        totals.length_before += row.length_before;
        totals.length_after += row.length_after;
        totals.saved += row.saved;
    }
    let report_hash = hash(&rows, phrases);
    OptimiseReport { rows, totals, report_hash }
}

fn examine(item: OptimiseItem, phrases: &Phrases, protected: &[Category]) -> OptimiseRow {
    let before = item.content;
    let (after, removed, status) = if !item.optimise || protected.contains(&item.category) {
        (before.clone(), Vec::new(), OptimiseStatus::Protected)
    } else {
        match optimise(&before, phrases, &item.protected_clauses) {
            Optimised::Unchanged => (before.clone(), Vec::new(), OptimiseStatus::Unchanged),
            Optimised::RefusedEmpty => (before.clone(), Vec::new(), OptimiseStatus::RefusedEmpty),
            Optimised::RefusedTooLong => (before.clone(), Vec::new(), OptimiseStatus::RefusedTooLong),
            Optimised::Changed { text, removed } => (text, removed, OptimiseStatus::Changed),
        }
    };
    let count = |text: &str| i64::try_from(length(text)).unwrap_or(i64::MAX);
    let (length_before, length_after) = (count(&before), count(&after));
    OptimiseRow {
        prompt_id: item.prompt_id,
        version_id: item.version_id,
        category: item.category,
        key: item.key,
        before,
        after,
        length_before,
        length_after,
        saved: length_before - length_after,
        removed,
        status,
    }
}

/// Every part goes in with its length, so that no two different reports look alike.
fn hash(rows: &[OptimiseRow], phrases: &Phrases) -> String {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    };
    part(b"inkledger/optimise/1");
    for row in rows {
        part(row.prompt_id.as_bytes());
        part(row.version_id.as_bytes());
        part(row.before.as_bytes());
        part(row.after.as_bytes());
        part(row.status.as_str().as_bytes());
    }
    part(b"phrases");
    for phrase in phrases.texts() {
        part(phrase.as_bytes());
    }
    hex::encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(n: u128, category: Category, content: &str) -> OptimiseItem {
        OptimiseItem {
            prompt_id: Uuid::from_u128(n),
            version_id: Uuid::from_u128(n + 100),
            category,
            key: PromptKey::lenient("key"),
            content: content.to_owned(),
            optimise: true,
            protected_clauses: Vec::new(),
        }
    }

    fn items() -> Vec<OptimiseItem> {
        let mut items = vec![
            item(1, Category::EventType, "caf\u{e9}, no blur"),
            item(2, Category::EventType, "clean"),
            item(3, Category::SystemDefault, "lamp, no blur"),
            item(4, Category::StylePreset, "no blur"),
            item(5, Category::StylePreset, "lamp, no blur"),
            item(6, Category::StylePreset, "lamp, no blur, high quality"),
        ];
        items[4].optimise = false;
        items[5].protected_clauses = vec!["No blur".to_owned()];
        items
    }

    fn report(items: Vec<OptimiseItem>) -> OptimiseReport {
        optimise_all(items, &Phrases::default(), &[Category::SystemDefault])
    }

    #[test]
    fn reports_every_prompt_and_true_sums() {
        use OptimiseStatus::{Changed, Protected, RefusedEmpty, Unchanged};
        let report = report(items());
        let statuses: Vec<_> = report.rows.iter().map(|row| row.status).collect();
        assert_eq!(statuses, [Changed, Unchanged, Protected, RefusedEmpty, Protected, Changed]);
        assert_eq!((report.rows[0].length_before, report.rows[0].length_after, report.rows[0].saved), (13, 4, 9));
        assert_eq!(report.rows[5].after, "lamp, no blur");
        assert_eq!(report.totals.examined, 6);
        assert_eq!(report.totals.changed, 2);
        assert_eq!(report.totals.saved, 9 + 14);
        assert_eq!(report.totals.saved, report.totals.length_before - report.totals.length_after);
        assert_eq!(report.totals.average_per_changed(), Some(11.5));
        assert_eq!(OptimiseTotals::default().average_per_examined(), None);
    }

    #[test]
    fn the_hash_changes_with_every_version_text_and_phrase() {
        let first = report(items()).report_hash;
        assert_eq!(first, report(items()).report_hash);
        let mut edited = items();
        edited[1].version_id = Uuid::from_u128(7);
        assert_ne!(first, report(edited).report_hash);
        let mut edited = items();
        edited[2].content.push('!');
        assert_ne!(first, report(edited).report_hash);
        let phrases = Phrases::new(&["no blur".to_owned()]).unwrap();
        assert_ne!(first, optimise_all(items(), &phrases, &[Category::SystemDefault]).report_hash);
    }
}
