//! Bringing keywords in from a file. What is there already stays as it is, so an import may be repeated at any time.

use std::sync::Arc;

use uuid::Uuid;

use super::Keywords;
use crate::{
    audit::{Trace, store::insert_entry},
    auth::MemberRight,
    error::{Error, Failure, Internal},
    keyword::{
        model::{
            KEYWORDS_MAX, Keyword, KeywordFacts, KeywordState,
            import::{ImportError, ImportRow, ImportedKeyword, RowFault, read},
        },
        store,
    },
    site::{self, service::demand_editor},
};

/// Rows that one transaction writes: few enough that other writers wait for milliseconds only.
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

/// Why a file was not imported at all. Nothing was written.
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

/// A part of an import, which one transaction writes.
struct Portion {
    account: Uuid,
    site: Uuid,
    rows: Vec<(u64, Keyword, ImportedKeyword)>,
    /// How many places the site must have left.
    wanted: usize,
    /// How many keywords of the file are added by now as far as a dry run can tell.
    pretended: usize,
    is_dry_run: bool,
    entry: Uuid,
    trace: Trace,
}

/// Why a portion was not written.
enum Unwritten {
    /// The site has too many keywords, namely so many.
    Full(i64),
    /// It was a dry run, and this is which keywords it would have added.
    Dry(Vec<bool>),
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Keywords {
    /// Adds a file's keywords, row by row; those that are there already stay as they are. Should the process die, what was
    /// written so far stays, and importing the file again adds the rest. Rows that no longer fit, because others import at
    /// the same time, are refused one by one. Refuses: see [`ImportKeywordsError`]; `Forbidden` when the member is no EDITOR.
    pub async fn import_keywords(
        &self,
        right: MemberRight,
        input: ImportKeywords,
        request_id: Option<String>,
    ) -> Result<ImportedRows, Failure<ImportKeywordsError>> {
        let account = demand_editor(right)?;
        let ImportKeywords { site_id, sector_id, file, is_dry_run } = input;
        let rows = self.computing.run("reading keywords", move || read(&file)).await?;
        let rows = rows.map_err(|error| Failure::Refused(error.into()))?;
        let trace = self.trace(right, request_id);
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
            created_at: trace.at,
            updated_at: trace.at,
        };
        let whole = rows.len();
        let mut outcomes = Vec::with_capacity(whole);
        let mut good = Vec::new();
        for ImportRow { line, outcome } in rows {
            match outcome {
                Ok(row) => good.push((line, keyword(&row), row)),
                Err(fault) => outcomes.push((line, RowOutcome::Refused(fault))),
            }
        }
        let mut pretended = 0;
        for (at, rows) in good.chunks(CHUNK).enumerate() {
            let portion = Portion {
                account,
                site: site_id,
                rows: rows.to_vec(),
                wanted: if at == 0 { whole } else { rows.len() },
                pretended,
                is_dry_run,
                entry: self.ids.uuid(),
                trace: trace.clone(),
            };
            let told: Vec<RowOutcome> = match self.add(portion).await? {
                Ok(added) => {
                    let outcome = |added: &bool| if *added { RowOutcome::Added } else { RowOutcome::Present };
                    added.iter().map(outcome).collect()
                }
                Err(there) if at == 0 => {
                    return Err(Failure::Refused(ImportKeywordsError::TooManyKeywords { there, rows: whole }));
                }
                Err(_) => vec![RowOutcome::Refused(RowFault::SiteFull); rows.len()],
            };
            if is_dry_run {
                pretended += told.iter().filter(|outcome| **outcome == RowOutcome::Added).count();
            }
            outcomes.extend(rows.iter().map(|(line, ..)| *line).zip(told));
        }
        outcomes.sort_by_key(|(line, _)| *line);
        Ok(outcomes)
    }

    /// Adds keywords in one transaction, which a dry run takes back, and says so in the audit trail; answers which were not
    /// there, or how many there are when the site has too few places left. Others who add to the site wait meanwhile, so
    /// that the count is right. Refuses: `NotFound`.
    async fn add(&self, portion: Portion) -> Result<Result<Vec<bool>, i64>, Error> {
        let written = self.db.write(Arc::new(portion), |tx, portion| {
            Box::pin(async move {
                let Portion { account, site, rows, wanted, pretended, is_dry_run, entry, trace } = &**portion;
                site::service::lock_site(tx, *account, *site).await?;
                let there = store::keyword::count_keywords(tx, *site).await?.saturating_add(count(*pretended));
                if there.saturating_add(count(*wanted)) > KEYWORDS_MAX {
                    return Err(Failure::Refused(Unwritten::Full(there)));
                }
                let mut added = Vec::with_capacity(rows.len());
                for (_, keyword, row) in rows {
                    added.push(store::keyword::insert_keyword(tx, keyword, &row.text).await?);
                }
                if *is_dry_run {
                    return Err(Failure::Refused(Unwritten::Dry(added)));
                }
                let new = added.iter().filter(|is_new| **is_new).count();
                if new > 0 {
                    let notes = [None, Some(format!("{new} keywords"))];
                    let entry = trace.entry(*entry, "keyword.import", ("site", *site), notes);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                }
                Ok(added)
            })
        });
        match written.await {
            Ok(added) | Err(Failure::Refused(Unwritten::Dry(added))) => Ok(Ok(added)),
            Err(Failure::Refused(Unwritten::Full(there))) => Ok(Err(there)),
            Err(Failure::Fault(error)) => Err(error),
        }
    }
}
