//! A deleted person's sites go with them, and everything that was made for the sites.

use std::{collections::BTreeSet, time::Duration};

use inkledger::{db::Engine, site::erase::tables};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    dump::dump,
    server::{Home, Server},
};

/// Stands in everything that the person wrote.
const CANARY: &str = "canary-5c07";

/// A site of `person` with `keywords` of them, and one of everything else.
async fn build(server: &Server, person: &Person, word: &str, keywords: usize) {
    let act = async |mutation: &str, kind: &str, fields: &str, input: Value| {
        let query = format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {fields} userErrors {{ code }} }} }}");
        let done = server.payload(person, &query, json!({"i": input})).await;
        assert_eq!(done["userErrors"], json!([]), "{done}");
        done
    };
    let input =
        json!({"accountId": person.account, "name": word, "domain": format!("{word}.example"), "audience": word});
    let site = act("createSite", "CreateSiteInput", "site { id }", input).await["site"]["id"].clone();
    let sector = json!({"siteId": site, "name": word});
    let sector = act("createSector", "CreateSectorInput", "sector { id }", sector).await["sector"]["id"].clone();
    let file: String = (0..keywords).map(|at| format!("{word} {at}\n")).collect();
    let file = json!({"siteId": site, "sectorId": sector, "file": {"content": format!("keyword\n{file}")}});
    act("importKeywords", "ImportKeywordsInput", "added", file).await;
    let cluster = json!({"siteId": site, "sectorId": sector, "name": word});
    act("createCluster", "CreateClusterInput", "cluster { id }", cluster).await;
    // What nobody can make by hand, under the ids of what it is made of.
    let idea = format!(
        "INSERT INTO idea (id, account_id, site_id, sector_id, cluster_id, title, title_key, outline, target_keywords, \
         content_type, target_words, state, created_at, updated_at) SELECT id, account_id, site_id, sector_id, id, \
         '{word}', '{word}', '{word}', '[]', 'BLOG', 500, 'NEW', 0, 0 FROM cluster WHERE name = '{word}'"
    );
    let task = format!(
        "INSERT INTO content_task (id, account_id, site_id, sector_id, idea_id, cluster_id, title, outline, keywords, \
         content_type, target_words, priority, tries, state, created_at, updated_at) SELECT id, account_id, site_id, \
         sector_id, id, id, '{word}', '{word}', '[]', 'BLOG', 500, 0, 0, 'QUEUED', 0, 0 FROM idea WHERE title = '{word}'"
    );
    let content = format!(
        "INSERT INTO content (id, account_id, site_id, sector_id, content_task_id, cluster_id, content_type, title, slug, \
         html, excerpt, meta_title, meta_description, keywords, categories, tags, words, version, is_sandbox, state, \
         created_at, updated_at) SELECT id, account_id, site_id, sector_id, id, cluster_id, 'BLOG', '{word}', '{word}', \
         '{word}', '{word}', '{word}', '{word}', '[]', '[]', '[]', 1, 1, TRUE, 'DRAFT', 0, 0 FROM content_task \
         WHERE title = '{word}'"
    );
    let revision = format!(
        "INSERT INTO content_revision (content_id, version, cause, title, html, excerpt, meta_title, meta_description, \
         words, created_at) SELECT id, 1, 'EDITED', '{word}', '{word}', '{word}', '{word}', '{word}', 1, 0 FROM content \
         WHERE title = '{word}'"
    );
    let place = format!(
        "INSERT INTO content_image (id, account_id, site_id, content_id, kind, position, prompt, alt_text, state, \
         created_at, updated_at) SELECT id, account_id, site_id, id, 'FEATURED', 0, '{word}', '{word}', 'PENDING', 0, 0 \
         FROM content WHERE title = '{word}'"
    );
    let work = format!(
        "INSERT INTO content_work (content_id, ai_task_id, product_id, created_at) SELECT id, id, id, 0 FROM content \
         WHERE title = '{word}'"
    );
    for sql in [idea, task, content, revision, place, work].into_iter().chain(automation(word)) {
        server.execute(&sql).await;
    }
}

/// A run of the site with one of everything, and its schedule, under the id of the site.
fn automation(word: &str) -> [String; 8] {
    let from = format!("FROM site WHERE name = '{word}'");
    [
        format!(
            "INSERT INTO automation_config (site_id, account_id, enabled, frequency, weekday, start_minute, stages, \
             item_delay_s, stage_delay_s, items_in_flight, resumes_on_top_up, active_hours_max, version, created_at, \
             updated_at) SELECT id, account_id, FALSE, 'DAILY', 'MONDAY', 120, '[]', 1, 3, 1, FALSE, 24, 1, 0, 0 {from}"
        ),
        format!(
            "INSERT INTO automation_run (id, account_id, site_id, cause, is_redo, state, desired, fence, event_seq, config, \
             pauses, credits_start, credits_used, credits_committed, credit_limit, active_us, created_at, updated_at, \
             finished_at) SELECT id, account_id, id, 'MANUAL', FALSE, 'CANCELLED', 'cancel', 1, 0, '{word}', 0, 0, 0, 0, 9, \
             0, 0, 0, 0 {from}"
        ),
        format!(
            "INSERT INTO automation_stage (run_id, stage, position, account_id, status, total, succeeded, failed, skipped, \
             credits_used, finished_at) SELECT id, 'CLUSTER', 1, account_id, 'SKIPPED', 0, 0, 0, 0, 0, 0 {from}"
        ),
        format!(
            "INSERT INTO automation_item (run_id, stage, position, account_id, subject_id, state, finished_at) \
             SELECT id, 'CLUSTER', 0, account_id, id, 'SUCCEEDED', 0 {from}"
        ),
        format!(
            "INSERT INTO automation_product (run_id, stage, subject_id, account_id) \
             SELECT id, 'CLUSTER', id, account_id {from}"
        ),
        format!(
            "INSERT INTO automation_command (account_id, idem_key, request_hash, run_id, created_at) \
             SELECT account_id, '{word}', CAST('00' AS bytea), id, 0 {from}"
        ),
        format!(
            "INSERT INTO schedule (id, account_id, subject_kind, subject_id, cron, time_zone, catch_up, state, created_at, \
             updated_at) SELECT id, account_id, 'site', id, '0 2 * * *', 'UTC', 'once', 'off', 0, 0 {from}"
        ),
        format!(
            "INSERT INTO schedule_firing (schedule_id, due_at, account_id, outcome, fired_at) \
             SELECT id, 0, account_id, 'skipped_off', 253402300799999999 {from}"
        ),
    ]
}

async fn counts(server: &Server) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for table in tables() {
        counts.push((table, server.number(&format!("SELECT COUNT(*) FROM {table}")).await));
    }
    counts
}

async fn delete(server: &Server, hero: &Person, person: &Person) {
    let query = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
    let deleted = server.payload(hero, query, json!({"i": {"userId": person.user}})).await;
    assert_eq!(deleted["userErrors"], json!([]), "{deleted}");
}

#[rstest]
#[tokio::test]
async fn a_deleted_person_takes_their_sites_with_them(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (gone, here) = (server.sign_up("gone").await, server.sign_up("here").await);
    build(&server, &here, "stays", 2).await;
    let others = counts(&server).await;
    assert!(others.iter().all(|(_, count)| *count > 0), "{others:?}");
    build(&server, &gone, CANARY, 3).await;
    assert!(dump(&server).await.contains(CANARY));
    delete(&server, &hero, &gone).await;
    assert_eq!(counts(&server).await, others, "at once, and nothing of anybody else's");
    assert!(!dump(&server).await.contains(CANARY));
    let trail = "SELECT COUNT(*) FROM audit_entry WHERE action = 'site.create'";
    assert_eq!(server.number(trail).await, 2, "who did what stays");
}

// One transaction deletes only so many rows; the sweep deletes the rest.
#[rstest]
#[tokio::test]
async fn a_large_site_goes_in_portions(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let gone = server.sign_up("gone").await;
    build(&server, &gone, CANARY, 4_500).await;
    delete(&server, &hero, &gone).await;
    let left = async {
        while counts(&server).await.iter().any(|(_, count)| *count > 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), left).await.expect("something stayed");
}

// A new table below a site must be erased too.
#[tokio::test]
async fn nothing_that_hangs_on_a_site_is_forgotten() {
    let server = Server::open(Engine::Sqlite).await;
    let erased: BTreeSet<&str> = tables().collect();
    let all = server.db.statement("SELECT name FROM sqlite_master WHERE type = 'table'", []);
    for row in server.db.reader().query_all_raw(all).await.unwrap() {
        let table: String = row.try_get("", "name").unwrap();
        let parents =
            server.db.statement(format!("SELECT \"table\" AS name FROM pragma_foreign_key_list('{table}')"), []);
        for row in server.db.reader().query_all_raw(parents).await.unwrap() {
            let parent: String = row.try_get("", "name").unwrap();
            let hangs = erased.contains(parent.as_str());
            assert!(!hangs || erased.contains(table.as_str()), "{table} names {parent}: add it to `site::erase`");
        }
    }
}
