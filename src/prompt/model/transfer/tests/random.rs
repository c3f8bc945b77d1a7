//! Files nobody would think of: drawn catalogues, and drawn damage.

use std::collections::HashSet;

use super::*;

/// A small generator, so that every run sees the same catalogues.
struct Dice(u64);

const LETTERS: [char; 40] = [
    'a',
    'B',
    'z',
    '0',
    ' ',
    ' ',
    '"',
    '\\',
    '/',
    '\n',
    '\r',
    '\t',
    '\u{1}',
    '\u{8}',
    '\u{c}',
    '\u{1f}',
    '\u{7f}',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '.',
    '<',
    '&',
    '\'',
    '\u{e9}',
    '\u{df}',
    '\u{130}',
    '\u{3c2}',
    '\u{301}',
    '\u{2028}',
    '\u{feff}',
    '\u{200b}',
    '\u{fffd}',
    '\u{4e2d}',
    '\u{1f389}',
    '\u{10ffff}',
    '\u{85}',
];

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn text(&mut self, most: usize) -> String {
        (0..self.roll(most + 1)).map(|_| LETTERS[self.roll(LETTERS.len())]).collect()
    }

    fn said(&mut self, most: usize) -> String {
        format!("{}x{}", self.text(most / 2), self.text(most / 2))
    }

    fn json(&mut self, depth: usize) -> String {
        let kinds = if depth == 0 { 5 } else { 7 };
        match self.roll(kinds) {
            0 => ["null", "true", "false"][self.roll(3)].to_owned(),
            1 => ["0", "-0", "1.0", "1e5", "1E-5", "12345678901234567890", "0.1", "-1.50e+02"][self.roll(8)].to_owned(),
            5 => format!("[{}]", (0..self.roll(3)).map(|_| self.json(depth - 1)).collect::<Vec<_>>().join(", ")),
            6 => self.object(depth - 1),
            _ => {
                let mut out = String::new();
                json::write_text(&mut out, &self.text(8));
                out
            }
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let keys: HashSet<String> = (0..self.roll(4)).map(|_| self.text(4)).collect();
        let members = keys.iter().map(|key| {
            let mut out = String::new();
            json::write_text(&mut out, key);
            format!("{out} : {}", self.json(depth))
        });
        format!("{{ {} }}", members.collect::<Vec<_>>().join(" ,"))
    }

    fn catalogue(&mut self) -> Vec<TransferPrompt> {
        let mut taken = HashSet::new();
        let prompts = (0..self.roll(9)).filter_map(|_| {
            let category = Category::ALL[self.roll(6)];
            let key = PromptKey::new(category, Some(&self.text(6))).ok()?;
            Some(TransferPrompt {
                category,
                key,
                name: self.said(6),
                description: (self.roll(2) == 0).then(|| self.text(8)),
                content: self.said(24),
                version: [1, 2, 77, 1_000_000_000][self.roll(4)],
                is_active: self.roll(4) > 0,
                metadata: Metadata::parse(&self.object(3)).unwrap(),
            })
        });
        prompts.filter(|prompt| taken.insert((prompt.category, prompt.key.clone()))).collect()
    }
}

#[test]
fn ten_thousand_catalogues_survive_byte_for_byte() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut prompts = 0;
    for _ in 0..10_000 {
        let catalogue = dice.catalogue();
        prompts += catalogue.len();
        let first = export(catalogue, true, at());
        let planned = plan(&[], &first.text);
        assert!(planned.is_clean() && planned.count(ImportStatus::Created) == first.total_prompts, "{}", first.text);
        let stored = apply(&[], &planned);
        assert_eq!(export(exported(&stored), true, at()), first);
        let again = plan(&stored, &first.text);
        assert_eq!(again.count(ImportStatus::Unchanged), first.total_prompts, "{}", first.text);
        assert!(compare_environments(prompt_entries(&exported(&stored)), prompt_entries(&exported(&stored))).is_same());
    }
    assert!(prompts > 20_000, "{prompts}");
}

#[test]
fn hostile_files_never_do_more_than_be_refused() {
    let mut dice = Dice(7);
    let seed = export(vec![prompt(Category::StylePreset, "Origami", "fold, it")], true, at()).text.into_bytes();
    for _ in 0..20_000 {
        let mut bytes = seed.clone();
        for _ in 0..=dice.roll(4) {
            let place = dice.roll(bytes.len());
            match dice.roll(3) {
                0 => drop(bytes.remove(place)),
                1 => bytes.insert(place, b"\"\\{}[],:0\xff\x00\n"[dice.roll(12)]),
                _ => bytes[place] = dice.roll(256) as u8,
            }
        }
        if let Ok(file) = parse_file(&bytes, &TransferLimits::default()) {
            plan_import(&[], file, ImportMode::PerItem);
        }
    }
}
