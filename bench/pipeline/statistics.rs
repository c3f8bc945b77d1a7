//! `workflowStats` over HTTP: how long it takes, alone and beside a writer, and whether every figure is the number of rows
//! that a direct count finds.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use chrono::DateTime;
use serde_json::{Value, json};

use super::world::{World, field, uuid_of};
use crate::support::{open_loop::at_rate, row};

const PER_SECOND: u32 = 5;
const REQUESTS: u32 = 100;
/// Rows that the writer adds in a second.
const WRITES_PER_SECOND: u32 = 20;

const GROUPS: &str = "planner { keywords keywordsClustered clusteredPercent clusters ideas ideasQueued queuedPercent } \
    writer { contentTasks contentTasksCompleted content writtenPercent inReview approved imagesGenerated imagesPending \
    generatedPercent } publisher { scheduled published failed publishedPercent }";

/// Each count with what it counts: the rows, the condition and the time that says whether a row lies in the period.
const DIRECT: [(&str, &str, &str, &str, &str); 15] = [
    ("planner", "keywords", "keyword t", "t.state <> 'ARCHIVED'", "created_at"),
    ("planner", "keywordsClustered", "keyword t", "t.cluster_id IS NOT NULL", "created_at"),
    ("planner", "clusters", "cluster t", "TRUE", "created_at"),
    ("planner", "ideas", "idea t", "TRUE", "created_at"),
    ("planner", "ideasQueued", "idea t", "t.state NOT IN ('NEW', 'REJECTED')", "created_at"),
    ("writer", "contentTasks", "content_task t", "TRUE", "created_at"),
    ("writer", "contentTasksCompleted", "content_task t", "t.state = 'COMPLETED'", "created_at"),
    ("writer", "content", "content t", "TRUE", "created_at"),
    ("writer", "inReview", "content t", "t.state = 'REVIEW'", "created_at"),
    ("writer", "approved", "content t", "t.state = 'APPROVED'", "created_at"),
    ("writer", "imagesGenerated", IMAGES, "t.image_id IS NOT NULL", "created_at"),
    ("writer", "imagesPending", IMAGES, "t.state IN ('PENDING', 'GENERATING')", "created_at"),
    ("publisher", "scheduled", "content t", "t.state = 'SCHEDULED'", "created_at"),
    ("publisher", "published", "content t", "TRUE", "published_at"),
    ("publisher", "failed", "content t", "t.state = 'FAILED'", "created_at"),
];
const IMAGES: &str = "content_image t JOIN content s ON s.id = t.content_id";

fn document(by_sector: bool) -> String {
    let sectors = if by_sector { format!("bySector {{ sector {{ id name }} {GROUPS} }}") } else { String::new() };
    format!(
        "query($s: ID!, $p: WorkflowPeriod!) {{ workflowStats(siteId: $s, period: $p) {{ period timeZone from to asOf \
         {GROUPS} usage {{ operations {{ function credits }} tasksSucceeded tasksFailed }} {sectors} }} }}"
    )
}

fn micros(at: &Value) -> i64 {
    at.as_str().map_or(i64::MIN, |text| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

/// Fails unless every sector's figures add up to the site's.
fn check_sums(stats: &Value) {
    let sectors = stats["bySector"].as_array().unwrap();
    for (group, name, ..) in DIRECT {
        let sum: i64 = sectors.iter().map(|sector| sector[group][name].as_i64().unwrap()).sum();
        assert_eq!(stats[group][name], sum, "{group}.{name} by sector");
    }
}

/// Fails unless every figure of every period, the site's and each sector's, is what a direct count finds. Answers how many
/// figures were compared.
async fn check_counts(world: &mut World) -> usize {
    let mut compared = 0;
    let site = world.sql.uuid(uuid_of(&world.site));
    for period in ["TODAY", "DAYS_7", "DAYS_30", "DAYS_90", "ALL"] {
        let variables = json!({"s": world.site, "p": period});
        let stats = field(world.api.ask(&world.owner.token, &document(true), variables).await);
        check_sums(&stats);
        let (from, to) = (micros(&stats["from"]), micros(&stats["to"]));
        for (group, name, rows, condition, time) in DIRECT {
            let count = format!(
                "SELECT COUNT(*) FROM {rows} WHERE t.site_id = {site} AND {condition} AND t.{time} >= {from} AND t.{time} < {to}"
            );
            assert_eq!(stats[group][name], world.sql.number(count.clone()).await, "{period} {group}.{name}");
            let table = if rows == IMAGES { "s" } else { "t" };
            for part in stats["bySector"].as_array().unwrap() {
                let sector = match part["sector"]["id"].as_str() {
                    Some(id) => format!("= {}", world.sql.uuid(uuid_of(id))),
                    None => "IS NULL".to_owned(),
                };
                let count = format!("{count} AND {table}.sector_id {sector}");
                assert_eq!(part[group][name], world.sql.number(count).await, "{period} {group}.{name} of a sector");
                compared += 1;
            }
            compared += 1;
        }
        let tasks = format!(
            "SELECT COUNT(DISTINCT t.id) FROM ai_task t JOIN ai_task_item i ON i.ai_task_id = t.id WHERE i.site_id = {site} \
             AND t.finished_at >= {from} AND t.finished_at < {to} AND t.status"
        );
        for (name, status) in [("tasksSucceeded", "IN ('SUCCESS', 'PARTIAL')"), ("tasksFailed", "= 'ERROR'")] {
            assert_eq!(stats["usage"][name], world.sql.number(format!("{tasks} {status}")).await, "{period} {name}");
            compared += 1;
        }
        for operation in stats["usage"]["operations"].as_array().unwrap() {
            let credits = format!(
                "SELECT CAST(SUM(u.credits) AS bigint) FROM credit_usage u JOIN ai_task_item i ON i.id = u.item_id WHERE \
                 i.site_id = {site} AND u.created_at >= {from} AND u.created_at < {to} AND u.ai_function = '{}'",
                operation["function"].as_str().unwrap()
            );
            assert_eq!(operation["credits"], world.sql.number(credits).await, "{period} {operation}");
            compared += 1;
        }
    }
    compared
}

/// Adds keywords and content tasks over the API until it is told to stop; answers how many rows it added.
async fn write(world: &World, stop: Arc<AtomicBool>) -> impl Future<Output = u32> + Send + 'static {
    let (api, token, site) = (world.api.clone(), world.owner.token.clone(), world.site.clone());
    async move {
        let keywords = "mutation($i: ImportKeywordsInput!) { importKeywords(input: $i) { added userErrors { code } } }";
        let tasks = "mutation($i: CreateContentTaskInput!) { createContentTask(input: $i) { contentTask { id } userErrors { code } } }";
        let began = tokio::time::Instant::now();
        let mut number = 0;
        while !stop.load(Ordering::SeqCst) {
            let (query, input) = if number % 2 == 0 {
                let content = format!("keyword\nwritten {number} beside {}\n", super::world::now());
                (keywords, json!({"siteId": site, "file": {"content": content}}))
            } else {
                (tasks, json!({"siteId": site, "title": format!("Written {number}"), "targetWords": 500}))
            };
            field(api.ask(&token, query, json!({ "i": input })).await);
            number += 1;
            tokio::time::sleep_until(began + std::time::Duration::from_secs(1) * number / WRITES_PER_SECOND).await;
        }
        number
    }
}

/// Measures it on a full site.
pub async fn measure(world: &mut World) {
    row("start of the server on these rows to the ready line", format!("{:.0?}", world.server.started));
    row("figures that equal a direct count, before", check_counts(world).await);
    for has_writer in [false, true] {
        for (period, by_sector) in [("ALL", false), ("ALL", true), ("DAYS_30", false), ("DAYS_30", true)] {
            let stop = Arc::new(AtomicBool::new(false));
            let writing = has_writer.then_some(write(world, stop.clone()).await).map(tokio::spawn);
            let (api, token, query) = (world.api.clone(), world.owner.token.clone(), document(by_sector));
            let variables = json!({"s": world.site, "p": period});
            let seen = Arc::new(Mutex::new(Vec::new()));
            let spread = at_rate(PER_SECOND, REQUESTS, |_| {
                let (api, token, query, variables) = (api.clone(), token.clone(), query.clone(), variables.clone());
                let seen = seen.clone();
                async move {
                    let answer = api.ask(&token, &query, variables).await;
                    seen.lock().unwrap().push(answer);
                }
            })
            .await;
            stop.store(true, Ordering::SeqCst);
            let written = match writing {
                Some(writing) => writing.await.unwrap(),
                None => 0,
            };
            for answer in std::mem::take(&mut *seen.lock().unwrap()) {
                let stats = field(answer);
                if by_sector {
                    check_sums(&stats);
                }
            }
            let what = if by_sector { "with `bySector`" } else { "the site alone" };
            let beside = if has_writer { format!(", beside {written} writes") } else { String::new() };
            row(&format!("`workflowStats`, {period}, {what}{beside}"), spread);
        }
    }
    row("figures that equal a direct count, after", check_counts(world).await);
    row("memory of the server", format!("{:.0} MB", world.server.memory() as f64 / 1e6));
}
