//! A site that has been at work for 120 days: as many rows of each kind as asked for, in every state, in ten sectors and
//! none.

use inkledger::automation::model::{RunSettings, Stage};
use uuid::{Builder, Uuid};

use super::place::Sql;

const DAY: i64 = 24 * 3600 * 1_000_000;
const AGE: i64 = 120 * DAY;
/// Rows of one statement.
const BATCH: usize = 250;

/// What rows belong to.
pub struct Owner {
    pub account: Uuid,
    pub user: Uuid,
    pub site: Uuid,
    pub sectors: Vec<Uuid>,
}

/// Rows of one table on their way in.
struct Rows<'a> {
    sql: &'a mut Sql,
    head: String,
    waiting: Vec<String>,
}

impl<'a> Rows<'a> {
    fn of(sql: &'a mut Sql, table: &str, columns: &str) -> Self {
        Self { sql, head: format!("INSERT INTO {table} ({columns}) VALUES "), waiting: Vec::new() }
    }

    async fn add(&mut self, values: String) {
        self.waiting.push(format!("({values})"));
        if self.waiting.len() == BATCH {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let rows = std::mem::take(&mut self.waiting).join(", ");
            self.sql.run(format!("{}{rows}", self.head)).await;
        }
    }
}

/// Everything that the rows of one site need.
struct Seed {
    count: i64,
    now: i64,
    account: String,
    user: String,
    site: String,
    sectors: Vec<String>,
    is_sqlite: bool,
}

impl Seed {
    /// When row `number` was made: spread evenly, the last an hour ago.
    fn at(&self, number: i64) -> i64 {
        self.now - 3600 * 1_000_000 - AGE + AGE * (number + 1) / self.count
    }

    /// The id of row `number` of `table`, ordered as the rows were made.
    fn id(&self, table: u8, number: i64) -> String {
        let millis = u64::try_from(self.at(number) / 1000).unwrap();
        let mut tail = [0; 10];
        tail[1] = table;
        tail[2..].copy_from_slice(&number.to_be_bytes());
        self.literal(Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    fn literal(&self, id: Uuid) -> String {
        if self.is_sqlite { format!("x'{}'", id.simple()) } else { format!("CAST('{id}' AS uuid)") }
    }

    fn sector(&self, number: i64) -> &str {
        let at = usize::try_from(number).unwrap() % (self.sectors.len() + 1);
        self.sectors.get(at).map_or("NULL", String::as_str)
    }

    fn bucket(&self, number: i64) -> &str {
        match self.sector(number) {
            "NULL" => &self.site,
            sector => sector,
        }
    }

    /// What every row of the pipeline begins with: id, account, site.
    fn head(&self, table: u8, number: i64) -> String {
        format!("{}, {}, {}", self.id(table, number), self.account, self.site)
    }

    /// When a row was made and changed.
    fn times(&self, number: i64) -> String {
        let at = self.at(number);
        format!("{at}, {at}")
    }
}

const CLUSTER: u8 = 1;
const KEYWORD: u8 = 2;
const IDEA: u8 = 3;
const CONTENT_TASK: u8 = 4;
const CONTENT: u8 = 5;
const CONTENT_IMAGE: u8 = 6;
const IMAGE: u8 = 7;
const AI_TASK: u8 = 8;
const ITEM: u8 = 9;
const ATTEMPT: u8 = 10;
const USAGE: u8 = 11;
const NOTIFICATION: u8 = 12;
const RUN: u8 = 13;
const HOLD: u8 = 14;

const FUNCTIONS: [&str; 5] =
    ["CLUSTER_KEYWORDS", "GENERATE_IDEAS", "GENERATE_CONTENT", "GENERATE_IMAGE_PROMPTS", "GENERATE_IMAGES"];

fn pick<'a>(words: &[&'a str], number: i64) -> &'a str {
    words[usize::try_from(number).unwrap() % words.len()]
}

async fn planning(sql: &mut Sql, seed: &Seed) {
    let columns = "id, account_id, site_id, sector_id, bucket_id, name, name_key, root_keyword, cluster_type, intent, \
                   state, created_at, updated_at";
    let mut rows = Rows::of(sql, "cluster", columns);
    for no in 0..seed.count {
        let state = pick(&["NEW", "MAPPED", "MAPPED", "FINALIZED"], no);
        rows.add(format!(
            "{}, {}, {}, 'Cluster {no}', 'cluster {no}', 'term {no}', 'BLOG', 'INFORMATIONAL', '{state}', {}",
            seed.head(CLUSTER, no),
            seed.sector(no),
            seed.bucket(no),
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
    let columns = "id, account_id, site_id, sector_id, bucket_id, text, text_key, country, volume, cpc_nanousd, \
                   difficulty, intent, state, cluster_id, created_at, updated_at";
    let mut rows = Rows::of(sql, "keyword", columns);
    for no in 0..seed.count {
        let state = pick(
            &["CLUSTERED", "CLUSTERED", "IN_USE", "NEW", "CLUSTERED", "ARCHIVED", "CLUSTERED", "NEW", "ORPHANED"],
            no,
        );
        let has_cluster = ["CLUSTERED", "IN_USE"].contains(&state);
        let cluster = if has_cluster { seed.id(CLUSTER, no / 7) } else { "NULL".to_owned() };
        rows.add(format!(
            "{}, {}, {}, 'best term {no} online', 'best term {no} online', 'US', {}, 1500000000, {}, 'COMMERCIAL', \
             '{state}', {cluster}, {}",
            seed.head(KEYWORD, no),
            seed.sector(no),
            seed.bucket(no),
            no % 5000,
            no % 101,
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
    let columns = "id, account_id, site_id, sector_id, cluster_id, title, title_key, outline, target_keywords, \
                   content_type, target_words, state, created_at, updated_at";
    let mut rows = Rows::of(sql, "idea", columns);
    let outline = "A paragraph about what the article is to say. ".repeat(12);
    for no in 0..seed.count {
        let state = pick(&["NEW", "QUEUED", "COMPLETED", "NEW", "REJECTED"], no);
        rows.add(format!(
            "{}, {}, {}, 'Idea number {no}', 'idea number {no}', '{outline}', '[\"term {no}\"]', 'BLOG', 1200, \
             '{state}', {}",
            seed.head(IDEA, no),
            seed.sector(no),
            seed.id(CLUSTER, no / 5),
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
}

async fn writing(sql: &mut Sql, seed: &Seed) {
    let columns = "id, account_id, site_id, sector_id, idea_id, cluster_id, title, title_key, outline, keywords, \
                   content_type, target_words, priority, tries, state, created_at, updated_at";
    let mut rows = Rows::of(sql, "content_task", columns);
    for no in 0..seed.count {
        let state = pick(&["COMPLETED", "COMPLETED", "QUEUED", "FAILED", "IN_PROGRESS"], no);
        rows.add(format!(
            "{}, {}, {}, {}, 'Task number {no}', 'task number {no}', 'As the idea has it.', '[\"term {no}\"]', 'BLOG', \
             1200, 0, 0, '{state}', {}",
            seed.head(CONTENT_TASK, no),
            seed.sector(no),
            seed.id(IDEA, no),
            seed.id(CLUSTER, no / 5),
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
    let columns = "id, account_id, site_id, sector_id, content_task_id, cluster_id, content_type, title, title_key, slug, \
                   html, excerpt, meta_title, meta_description, keywords, categories, tags, words, version, is_sandbox, \
                   state, approved_at, approved_source, slot_at, slot_source, published_at, created_at, updated_at";
    let html = "<p>Words that somebody reads, and that the list must not. </p>".repeat(110);
    let mut rows = Rows::of(sql, "content", columns);
    for no in 0..seed.count {
        let state = pick(
            &[
                "PUBLISHED",
                "REVIEW",
                "SCHEDULED",
                "APPROVED",
                "PUBLISHED",
                "REVIEW",
                "SCHEDULED",
                "DRAFT",
                "PUBLISHED",
                "FAILED",
            ],
            no,
        );
        let at = seed.at(no);
        let approval = match state {
            "PUBLISHED" | "SCHEDULED" | "APPROVED" => format!("{at}, 'AUTO'"),
            _ => "NULL, NULL".to_owned(),
        };
        // Slots are a site's own: half an hour apart, from tomorrow on.
        let dates = match state {
            "SCHEDULED" => format!("{}, 'AUTO', NULL", seed.now + DAY + no * 6 * 60 * 1_000_000),
            "PUBLISHED" => format!("{at}, 'AUTO', {}", at + 1_800_000_000),
            "FAILED" => format!("{at}, 'MANUAL', NULL"),
            _ => "NULL, NULL, NULL".to_owned(),
        };
        rows.add(format!(
            "{}, {}, {}, {}, 'BLOG', 'Article number {no}', 'article number {no}', 'article-{no}', '{html}', \
             'What it is about.', 'Article {no}', 'What it is about, in short.', '[\"term {no}\"]', '[\"Guides\"]', \
             '[\"one\",\"two\"]', 1180, 1, FALSE, '{state}', {approval}, {dates}, {}",
            seed.head(CONTENT, no),
            seed.sector(no),
            seed.id(CONTENT_TASK, no),
            seed.id(CLUSTER, no / 5),
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
    let columns = "content_id, version, cause, title, html, excerpt, meta_title, meta_description, words, author_id, \
                   created_at";
    let mut rows = Rows::of(sql, "content_revision", columns);
    for no in 0..seed.count {
        let author = if no % 3 == 0 { &seed.user } else { "NULL" };
        rows.add(format!(
            "{}, 1, 'GENERATED', 'Article number {no}', '', '', '', '', 1180, {author}, {}",
            seed.id(CONTENT, no),
            seed.at(no)
        ))
        .await;
    }
    rows.flush().await;
}

async fn pictures(sql: &mut Sql, seed: &Seed) {
    let columns = "id, account_id, kind, prompt, model_name, provider, width, height, object_key, state, created_at, \
                   updated_at";
    let mut rows = Rows::of(sql, "image", columns);
    for no in 0..seed.count {
        rows.add(format!(
            "{}, {}, 'FEATURED', 'A quiet harbour', 'Sandbox image', 'sandbox', 1200, 800, 'bench/{no}', 'GENERATED', {}",
            seed.id(IMAGE, no),
            seed.account,
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
    let columns = "id, account_id, site_id, sector_id, content_id, kind, position, prompt, alt_text, state, image_id, \
                   error_code, created_at, updated_at";
    let mut rows = Rows::of(sql, "content_image", columns);
    for no in 0..seed.count {
        let state = pick(&["GENERATED", "GENERATED", "PENDING", "FAILED", "GENERATED"], no);
        let image = if state == "GENERATED" { seed.id(IMAGE, no) } else { "NULL".to_owned() };
        let error = if state == "FAILED" { "'GENERATION_FAILED'" } else { "NULL" };
        rows.add(format!(
            "{}, {}, {}, 'FEATURED', 0, 'A quiet harbour', 'A harbour', '{state}', {image}, {error}, {}",
            seed.head(CONTENT_IMAGE, no),
            seed.sector(no),
            seed.id(CONTENT, no),
            seed.times(no)
        ))
        .await;
    }
    rows.flush().await;
}

async fn records(sql: &mut Sql, seed: &Seed) {
    let model = "(SELECT id FROM ai_model ORDER BY id LIMIT 1)";
    let price = "(SELECT p.id FROM price_version p JOIN (SELECT id FROM ai_model ORDER BY id LIMIT 1) m \
                 ON m.id = p.ai_model_id ORDER BY p.number LIMIT 1)";
    let prompt = "Write about the harbour. ".repeat(60);
    let payload = format!("{{\"prompt\":\"{prompt}\",\"count\":1,\"seed\":null,\"model\":\"Sandbox text\"}}");
    let columns = "id, account_id, user_id, ai_function, ai_model_id, price_version_id, status, phase, percent, items_total, \
                   items_delivered, items_failed, credits_used, provider_cost_nanousd, payload, error_code, error_text, \
                   created_at, updated_at, finished_at";
    let mut rows = Rows::of(sql, "ai_task", columns);
    for no in 0..seed.count {
        let (function, failed) = (pick(&FUNCTIONS, no), no % 20 == 19);
        let end = if failed {
            "'ERROR', 'AI_CALL', 20, 1, 0, 1, 0, NULL"
        } else {
            "'SUCCESS', 'DONE', 100, 1, 1, 0, 3, 810000"
        };
        let error = if failed { "'PROVIDER_REFUSED', 'It refused.'" } else { "NULL, NULL" };
        rows.add(format!(
            "{}, {}, {}, '{function}', {model}, {price}, {end}, '{payload}', {error}, {}, {}",
            seed.id(AI_TASK, no),
            seed.account,
            seed.user,
            seed.times(no),
            seed.at(no) + 5_000_000
        ))
        .await;
    }
    rows.flush().await;
    let columns = "id, account_id, ai_task_id, position, state, hold_id, hold_amount, credits, error_code, site_id, \
                   created_at, finished_at";
    let mut rows = Rows::of(sql, "ai_task_item", columns);
    for no in 0..seed.count {
        let end = if no % 20 == 19 { "NULL, 'PROVIDER_REFUSED'" } else { "3, NULL" };
        let state = if no % 20 == 19 { "FAILED" } else { "DELIVERED" };
        rows.add(format!(
            "{}, {}, {}, 0, '{state}', {}, 5, {end}, {}, {}, {}",
            seed.id(ITEM, no),
            seed.account,
            seed.id(AI_TASK, no),
            seed.id(HOLD, no),
            seed.site,
            seed.at(no),
            seed.at(no) + 5_000_000
        ))
        .await;
    }
    rows.flush().await;
    let hash = if seed.is_sqlite { "x'00'" } else { "'\\x00'" };
    let columns = "id, account_id, ai_task_id, item_id, attempt_no, fence, hold_id, ai_model_id, price_version_id, state, \
                   request_hash, created_at, sent_at, deadline_at, finished_at";
    let mut rows = Rows::of(sql, "ai_attempt", columns);
    for no in 0..seed.count {
        let (at, state) = (seed.at(no), if no % 20 == 19 { "received" } else { "settled" });
        rows.add(format!(
            "{}, {}, {}, {}, 1, 1, {}, {model}, {price}, '{state}', {hash}, {at}, {at}, {at}, {at}",
            seed.id(ATTEMPT, no),
            seed.account,
            seed.id(AI_TASK, no),
            seed.id(ITEM, no),
            seed.id(HOLD, no)
        ))
        .await;
    }
    rows.flush().await;
    let columns = "id, account_id, ai_task_id, item_id, ai_attempt_id, credit_transaction_id, credit_seq, ai_function, \
                   ai_model_id, model_name, price_version_id, credits, credit_value_nanousd, credit_price_nanousd, \
                   provider_cost_nanousd, tokens_input, tokens_output, tokens_estimated, site_id, created_at";
    let mut rows = Rows::of(sql, "credit_usage", columns);
    for no in (0..seed.count).filter(|no| no % 20 != 19) {
        rows.add(format!(
            "{}, {}, {}, {}, {}, {}, {}, '{}', {model}, 'Sandbox text', {price}, 3, 30000000, 10000000, 810000, 1800, \
             900, FALSE, {}, {}",
            seed.id(USAGE, no),
            seed.account,
            seed.id(AI_TASK, no),
            seed.id(ITEM, no),
            seed.id(ATTEMPT, no),
            seed.id(USAGE, no),
            // Far from the numbers that the ledger gives.
            1_000_000_000 + no,
            pick(&FUNCTIONS, no),
            seed.site,
            seed.at(no) + 5_000_000
        ))
        .await;
    }
    rows.flush().await;
}

async fn messages(sql: &mut Sql, seed: &Seed) {
    let columns = "id, account_id, notification_type, severity, title, message, metadata, subject_kind, subject_id, \
                   dedupe_key, created_at";
    let mut rows = Rows::of(sql, "notification", columns);
    for no in 0..seed.count {
        rows.add(format!(
            "{}, {}, 'ai_content_success', 'SUCCESS', 'Content generation', 'Generated 1 articles using 3 credits', \
             '{{\"articles_created\":1,\"credits_used\":3}}', 'ai_task', {}, 'bench-{no}', {}",
            seed.id(NOTIFICATION, no),
            seed.account,
            seed.id(AI_TASK, no),
            seed.at(no)
        ))
        .await;
    }
    rows.flush().await;
    let mut rows = Rows::of(sql, "notification_read", "notification_id, user_id, read_at");
    for no in (0..seed.count).filter(|no| no % 5 < 3) {
        rows.add(format!("{}, {}, {}", seed.id(NOTIFICATION, no), seed.user, seed.at(no) + DAY / 2)).await;
    }
    rows.flush().await;
}

async fn runs(sql: &mut Sql, seed: &Seed) {
    let config = RunSettings::default().to_json();
    let columns = "id, account_id, site_id, cause, user_id, is_redo, state, desired, fence, event_seq, config, pauses, \
                   credits_start, credits_used, credits_committed, credit_limit, active_us, created_at, updated_at, \
                   started_at, finished_at";
    let mut rows = Rows::of(sql, "automation_run", columns);
    for no in 0..seed.count {
        let (at, state) = (seed.at(no), pick(&["COMPLETED", "COMPLETED", "COMPLETED_WITH_ERRORS", "CANCELLED"], no));
        rows.add(format!(
            "{}, 'MANUAL', {}, FALSE, '{state}', 'run', 1, 40, '{config}', 0, 1000, 83, 83, 1000000000000000, 1000000, \
             {at}, {at}, {at}, {}",
            seed.head(RUN, no),
            seed.user,
            at + 1_000_000
        ))
        .await;
    }
    rows.flush().await;
    let columns = "run_id, stage, position, account_id, status, total, succeeded, failed, skipped, credits_used, started_at, \
                   finished_at";
    let mut rows = Rows::of(sql, "automation_stage", columns);
    for no in 0..seed.count {
        for (position, stage) in (1..).zip(Stage::ALL) {
            let at = seed.at(no);
            rows.add(format!(
                "{}, '{}', {position}, {}, 'COMPLETED', 10, 9, 1, 0, 12, {at}, {at}",
                seed.id(RUN, no),
                stage.as_str(),
                seed.account
            ))
            .await;
        }
    }
    rows.flush().await;
}

/// Puts `count` rows of each kind behind the server's back; `now` in microseconds.
pub async fn fill(sql: &mut Sql, owner: &Owner, count: i64, now: i64) {
    let literal = |id| sql.uuid(id);
    let seed = Seed {
        count,
        now,
        account: literal(owner.account),
        user: literal(owner.user),
        site: literal(owner.site),
        sectors: owner.sectors.iter().copied().map(literal).collect(),
        is_sqlite: matches!(sql, Sql::Sqlite(_)),
    };
    sql.run("BEGIN".to_owned()).await;
    planning(sql, &seed).await;
    writing(sql, &seed).await;
    pictures(sql, &seed).await;
    records(sql, &seed).await;
    messages(sql, &seed).await;
    runs(sql, &seed).await;
    sql.run("COMMIT".to_owned()).await;
    sql.settle().await;
}
