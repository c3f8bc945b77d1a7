//! Bringing keywords in from a file. What is there already stays as it is, so an import may be repeated at any time.

use std::sync::Arc;

use uuid::Uuid;

use super::Keywords;
use crate::{
    audit::store::insert_entry,
    auth::MemberRight,
    error::{Error, Failure, Internal},
    keyword::{
        model::{
            KEYWORDS_MAX, Keyword, KeywordFacts, KeywordState,
            import::{ImportError, ImportRow, ImportedKeyword, RowFault, read},
        },
        store,
    },
    site::service::demand_editor,
};

/// Rows that are written at once: few enough that other writers wait for milliseconds only.
const CHUNK: usize = 200;

/// A file of keywords and where they go.
#[derive(Debug, Clone)]
pub struct ImportKeywords {
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it, which the caller has seen there.
    pub sector_id: Option<Uuid>,
    /// The file.
    pub file: Vec<u8>,
    /// Whether nothing is written.
    pub is_dry_run: bool,
}

/// Why a file was not imported. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportKeywordsError {
    /// The file is no good as a whole.
    #[error(transparent)]
    File(#[from] ImportError),
    /// The site would have too many keywords.
    #[error(
        "The site has {there} keywords and the file {rows} rows; {KEYWORDS_MAX} keywords is the most. Import fewer."
    )]
    TooManyKeywords {
        /// How many it has.
        there: i64,
        /// How many the file has.
        rows: usize,
    },
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// A keyword was added, or would be.
    Added,
    /// The keyword is there already and stays as it is.
    Present,
    /// The row is no good.
    Refused(RowFault),
}

/// What became of a file: each row by the line it begins in.
pub type ImportedRows = Vec<(u64, RowOutcome)>;

impl Keywords {
    /// Adds a file's keywords, row by row; those that are there already stay as they are. Should the process die, what was
    /// written so far stays, and importing the file again adds the rest. Refuses: see [`ImportKeywordsError`]; `Forbidden`
    /// when the member is no EDITOR.
    pub async fn import_keywords(
        &self,
        right: MemberRight,
        input: ImportKeywords,
        request_id: Option<String>,
    ) -> Result<ImportedRows, Failure<ImportKeywordsError>> {
        let account = demand_editor(right)?;
        let ImportKeywords { site_id, sector_id, file, is_dry_run } = input;
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        let rows = read.map_err(|error| Internal::new("reading keywords", error))?;
        let rows = rows.map_err(|error| Failure::Refused(error.into()))?;
        let there = store::keyword::count_keywords(self.db.reader(), site_id).await?;
        if there.saturating_add(i64::try_from(rows.len()).unwrap_or(i64::MAX)) > KEYWORDS_MAX {
            return Err(Failure::Refused(ImportKeywordsError::TooManyKeywords { there, rows: rows.len() }));
        }
        let now = self.clock.now();
        let keyword = |row: &ImportedKeyword| Keyword {
            id: self.ids.uuid(),
            account_id: account,
            site_id,
            sector_id,
            text: row.text.as_str().to_owned(),
            facts: KeywordFacts {
                country: row.country,
                volume: row.volume,
                cpc: row.cpc,
                difficulty: row.difficulty,
                intent: row.intent,
            },
            state: KeywordState::New,
            cluster_id: None,
            created_at: now,
            updated_at: now,
        };
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut good = Vec::new();
        for ImportRow { line, outcome } in rows {
            match outcome {
                Ok(row) => good.push((line, keyword(&row), row)),
                Err(fault) => outcomes.push((line, RowOutcome::Refused(fault))),
            }
        }
        for chunk in good.chunks(CHUNK) {
            let lines = chunk.iter().map(|(line, ..)| *line);
            let added =
                self.add(chunk.iter().map(|(_, keyword, row)| (keyword.clone(), row.clone())).collect(), is_dry_run);
            let added = added.await?;
            let outcome = |added| if added { RowOutcome::Added } else { RowOutcome::Present };
            outcomes.extend(lines.zip(added.into_iter().map(outcome)));
        }
        outcomes.sort_by_key(|(line, _)| *line);
        if !is_dry_run {
            let added = outcomes.iter().filter(|(_, outcome)| *outcome == RowOutcome::Added).count();
            self.note_import(right, site_id, added, request_id).await?;
        }
        Ok(outcomes)
    }

    /// Adds keywords in one transaction, which a dry run takes back; answers which were not there.
    async fn add(&self, rows: Vec<(Keyword, ImportedKeyword)>, is_dry_run: bool) -> Result<Vec<bool>, Error> {
        let written = self.db.write(Arc::new(rows), move |tx, rows| {
            Box::pin(async move {
                let mut added = Vec::with_capacity(rows.len());
                for (keyword, row) in rows.iter() {
                    added.push(store::keyword::insert_keyword(tx, keyword, &row.text).await?);
                }
                if is_dry_run { Err(Failure::Refused(added)) } else { Ok(added) }
            })
        });
        match written.await {
            Ok(added) | Err(Failure::Refused(added)) => Ok(added),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    async fn note_import(
        &self,
        right: MemberRight,
        site: Uuid,
        added: usize,
        request_id: Option<String>,
    ) -> Result<(), Error> {
        let note = Some(format!("{added} keywords"));
        let entry =
            self.trace(right, request_id).entry(self.ids.uuid(), "keyword.import", ("site", site), [None, note]);
        let written = self.db.write(entry, |tx, entry| {
            Box::pin(async move {
                insert_entry(tx, entry).await.map_err(Internal::from)?;
                Ok::<_, Failure<crate::error::Never>>(())
            })
        });
        Ok(written.await?)
    }
}
