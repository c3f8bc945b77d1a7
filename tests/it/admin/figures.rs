//! `adminStats` and `adminCharts`: exact figures of known work, by the days and months of a zone; null where nothing was measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inkledger::{
    ai::provider::{FailureCode, sandbox::Step},
    clock::FixedClock,
    config::Role,
    db::Engine,
    graphql::scalars::decimal_text,
};
use rstest::rstest;
use serde_json::{Value, json};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const STATS: &str = "query($z: String!) { adminStats(timeZone: $z) { asOf timeZone monthBeganAt users admins \
                     newUsersThisMonth newUsersSameSpanLastMonth growth images creditsSpent creditsRefunded providerCost \
                     itemsDelivered itemsFailed successRate activeUsersToday activeUsers30Days activeUsersSince revenue devices \
                     notTracked } }";

const WORK: &str = "creditsSpent creditsRefunded providerCost itemsDelivered itemsFailed";

fn charts_query() -> String {
    format!(
        "query($d: Int!, $z: String!) {{ adminCharts(days: $d, timeZone: $z) {{ asOf timeZone from to measuredSince \
         activeUsersSince total {{ work {{ {WORK} }} images newUsers }} days {{ date {WORK} images newUsers activeUsers }} \
         byFunction {{ function total {{ {WORK} }} days {{ date {WORK} }} }} \
         byModel {{ model {{ name }} total {{ {WORK} }} days {{ date {WORK} }} }} }} }}"
    )
}

/// `2026-03-28 08:00` in microseconds.
fn instant(text: &str) -> i64 {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros()
}

/// An installation whose clock is moved by hand.
struct Stage {
    server: Server,
    clock: Arc<FixedClock>,
    drawn: AtomicUsize,
}

impl Stage {
    async fn open(engine: Engine, now: &str) -> Self {
        let clock = Arc::new(FixedClock::new(instant(now)));
        let seam = Arc::clone(&clock);
        let server = Home::open(engine).await.start_with(move |_, seams| seams.clock = seam).await;
        Self { server, clock, drawn: AtomicUsize::new(0) }
    }

    fn at(&self, now: &str) {
        self.clock.set(instant(now));
    }

    /// Draws images, waits, and answers the task. One request asks, and others look on.
    async fn draw(&self, person: &Person, count: i64) -> Value {
        let number = self.drawn.fetch_add(1, Ordering::SeqCst);
        let task = self.server.drawing(person, count, &format!("drawing-number-{number}")).await;
        self.server.ended(person, &task).await
    }

    async fn stats(&self, person: &Person, zone: &str) -> Value {
        self.server.payload(person, STATS, json!({ "z": zone })).await
    }

    async fn charts(&self, person: &Person, days: i32, zone: &str) -> Value {
        self.server.payload(person, &charts_query(), json!({"d": days, "z": zone})).await
    }

    /// Waits until so many people are known to have been active on so many days.
    async fn noted(&self, rows: i64) {
        let all = async {
            while self.server.number("SELECT COUNT(*) FROM user_activity").await != rows {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let noted = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(noted.is_ok(), "{} rows", self.server.number("SELECT COUNT(*) FROM user_activity").await);
    }
}

/// The values of a field by day, of those days alone on which it is anything else than `usual`.
fn unusual(chart: &Value, field: &str, usual: &Value) -> Vec<(String, Value)> {
    let days = chart["days"].as_array().unwrap().iter();
    days.filter(|day| day[field] != *usual)
        .map(|day| (day["date"].as_str().unwrap().to_owned(), day[field].clone()))
        .collect()
}

fn on(days: &[(&str, i64)]) -> Vec<(String, Value)> {
    days.iter().map(|(date, value)| ((*date).to_owned(), json!(value))).collect()
}

/// The sum of a field over days.
fn sum(chart: &Value, field: &str) -> i64 {
    chart["days"].as_array().unwrap().iter().filter_map(|day| day[field].as_i64()).sum()
}

const REFUND: &str =
    "mutation($i: RefundCreditsInput!) { refundCredits(input: $i) { refunded userErrors { code path } } }";

/// Gives back one credit of the person's latest charge.
async fn refund(server: &Server, hero: &Person, person: &Person) {
    let query = "query($id: ID!) { account(id: $id) { creditTransactions { nodes { id kind } } } }";
    let account = server.payload(person, query, json!({"id": person.account})).await;
    let nodes = account["creditTransactions"]["nodes"].as_array().unwrap().clone();
    let settled = nodes.iter().find(|transaction| transaction["kind"] == "SETTLE").unwrap();
    let input = json!({"transactionId": settled["id"], "amount": 1, "idempotencyKey": "give-one-back"});
    let done = server.payload(hero, REFUND, json!({"i": input})).await;
    assert_eq!(done, json!({"refunded": 1, "userErrors": []}));
}

/// What `known_life` leaves, with a HERO who is signed in.
struct Life {
    stage: Stage,
    hero: Person,
}

/// Two months with known work: four people, 7 images ordered of which one fails, one charge given back, one image deleted.
async fn known_life(engine: Engine) -> Life {
    let stage = Stage::open(engine, "2026-02-10 12:00").await;
    let server = &stage.server;
    let hero = server.hero().await;
    server.data(Some(&hero.token), "{ viewer { id } }", json!({})).await;
    // Still February in London, already March in Berlin.
    stage.at("2026-02-28 23:30");
    let edge = server.sign_up("edge").await;
    let hero = server.sign_in(&hero.name).await;
    server.assign_role(&hero, &edge, "ADMIN").await;
    stage.at("2026-03-27 22:30");
    let owner = server.sign_up("owner").await;
    let hero = server.sign_in(&hero.name).await;
    server.give(&hero, &owner, 100).await;
    stage.draw(&owner, 2).await;
    // The 28th in London, the 29th in Berlin, where clocks move half an hour later.
    stage.at("2026-03-28 23:30");
    let owner = server.sign_in("owner").await;
    server.script.extend([Step::Ok, Step::fail(FailureCode::ContentRefused)]);
    let task = stage.draw(&owner, 3).await;
    assert_eq!((&task["itemsDelivered"], &task["itemsFailed"]), (&json!(2), &json!(1)));
    // With the hour of the day before, this would be the 29th in Berlin too.
    stage.at("2026-03-29 22:30");
    let owner = server.sign_in("owner").await;
    let task = stage.draw(&owner, 2).await;
    stage.at("2026-03-30 10:00");
    let (owner, hero) = (server.sign_in("owner").await, server.sign_in(&hero.name).await);
    server.sign_up("late").await;
    refund(server, &hero, &owner).await;
    let delete = "mutation($i: DeleteImageInput!) { deleteImage(input: $i) { userErrors { code } } }";
    let input = json!({"imageId": task["items"][0]["image"]["id"]});
    assert_eq!(server.payload(&owner, delete, json!({"i": input})).await["userErrors"], json!([]));
    // February 10: hero; 28: hero; March 27: hero, owner; 28 and 29: owner; 30: hero, owner.
    stage.noted(8).await;
    Life { stage, hero }
}

/// What all attempts cost, as the API writes it.
async fn cost(server: &Server, condition: &str) -> Value {
    let sql = format!("SELECT CAST(SUM(provider_cost_nanousd) AS bigint) FROM ai_attempt WHERE {condition}");
    json!(decimal_text(server.number(&sql).await))
}

// REQ-A-48: every figure of section 11, against what is known to have happened.
#[rstest]
#[tokio::test]
async fn totals_are_what_is_known_to_have_happened(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let life = known_life(engine).await;
    let server = &life.stage.server;
    let stats = life.stage.stats(&life.hero, "UTC").await;
    let expected = json!({
        "asOf": "2026-03-30T10:00:00.000000Z", "timeZone": "UTC", "monthBeganAt": "2026-03-01T00:00:00.000000Z",
        "users": 4, "admins": 2,
        // February has no 30th: all of it counts, and two signed up then.
        "newUsersThisMonth": 2, "newUsersSameSpanLastMonth": 2, "growth": "0.0",
        "images": 5, "creditsSpent": 6, "creditsRefunded": 1, "providerCost": cost(server, "TRUE").await,
        "itemsDelivered": 6, "itemsFailed": 1, "successRate": "85.7",
        "activeUsersToday": 2, "activeUsers30Days": 2, "activeUsersSince": "2026-02-10",
        "revenue": null, "devices": null, "notTracked": ["devices", "revenue"],
    });
    assert_eq!(stats, expected);
    // In Berlin whoever came late in February came in March, and the month before had one.
    let there = life.stage.stats(&life.hero, "Europe/Berlin").await;
    assert_eq!(there["monthBeganAt"], "2026-02-28T23:00:00.000000Z");
    let figures = ["newUsersThisMonth", "newUsersSameSpanLastMonth", "growth"].map(|name| there[name].clone());
    assert_eq!(figures, [json!(3), json!(1), json!("200.0")]);
    // The ledger's own total, from both of its sides.
    assert_eq!(server.number("SELECT CAST(SUM(settled) AS bigint) FROM credit_hold").await, 6);
    assert_eq!(server.number("SELECT CAST(SUM(credits) AS bigint) FROM credit_usage").await, 6);
    // The moment a month begins is in it.
    life.stage.at("2026-04-01 00:00");
    let hero = server.sign_in(&life.hero.name).await;
    server.sign_up("prompt").await;
    let stats = life.stage.stats(&hero, "UTC").await;
    let figures = ["newUsersThisMonth", "newUsersSameSpanLastMonth", "growth"].map(|name| stats[name].clone());
    assert_eq!(figures, [json!(1), json!(0), json!(null)], "nothing had happened by then in March");
    // Nobody else is told, and nobody guesses a zone.
    let owner = server.sign_in("owner").await;
    for (token, code) in [(None, "UNAUTHENTICATED"), (Some(owner.token.as_str()), "FORBIDDEN")] {
        for (query, variables) in [(STATS, json!({"z": "UTC"})), (&charts_query(), json!({"z": "UTC", "d": 3}))] {
            let answer = server.call(token, query, variables).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        }
    }
    let answer = server.call(Some(&hero.token), STATS, json!({"z": "Mars/Olympus"})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn charts_have_every_day_with_what_happened_on_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let life = known_life(engine).await;
    let server = &life.stage.server;
    for (zone, days) in [
        ("UTC", [("2026-03-27", 2), ("2026-03-28", 2), ("2026-03-29", 2)]),
        ("Europe/Berlin", [("2026-03-27", 2), ("2026-03-29", 2), ("2026-03-30", 2)]),
    ] {
        let charts = life.stage.charts(&life.hero, 30, zone).await;
        assert_eq!(charts["days"].as_array().unwrap().len(), 30);
        assert_eq!(
            (&charts["days"][0]["date"], &charts["days"][29]["date"]),
            (&json!("2026-03-01"), &json!("2026-03-30"))
        );
        assert_eq!(unusual(&charts, "creditsSpent", &json!(0)), on(&days), "{zone}");
        assert_eq!(unusual(&charts, "itemsDelivered", &json!(0)), on(&days), "{zone}");
        assert_eq!(unusual(&charts, "itemsFailed", &json!(0)), on(&[(days[1].0, 1)]), "{zone}");
        let images = [(days[0].0, 2), (days[1].0, 2), (days[2].0, 1)];
        assert_eq!(unusual(&charts, "images", &json!(0)), on(&images), "{zone}: the deleted one is no more");
        assert_eq!(unusual(&charts, "creditsRefunded", &json!(0)), on(&[("2026-03-30", 1)]), "{zone}");
        // UTC days, whatever the zone.
        let active = [("2026-03-27", 2), ("2026-03-28", 1), ("2026-03-29", 1), ("2026-03-30", 2)];
        assert_eq!(unusual(&charts, "activeUsers", &json!(0)), on(&active), "{zone}");
        let total = json!({"creditsSpent": 6, "creditsRefunded": 1, "providerCost": cost(server, "TRUE").await,
                           "itemsDelivered": 6, "itemsFailed": 1});
        assert_eq!(charts["total"]["work"], total);
        // By function, by model and by day it is the same, and the ledger's total.
        let shares = [(&charts["byFunction"], "function"), (&charts["byModel"], "model")];
        for (share, name) in shares {
            assert_eq!(share.as_array().unwrap().len(), 1, "{share}");
            assert_eq!(share[0]["total"], total, "{name}");
            assert_eq!(sum(&share[0], "creditsSpent"), 6);
            assert_eq!(unusual(&share[0], "creditsSpent", &json!(0)), on(&days), "{zone} {name}");
        }
        assert_eq!(charts["byFunction"][0]["function"], "GENERATE_IMAGES");
        assert!(charts["byModel"][0]["model"]["name"].is_string(), "{charts}");
        assert_eq!(sum(&charts, "newUsers"), charts["total"]["newUsers"].as_i64().unwrap());
    }
    let utc = life.stage.charts(&life.hero, 31, "UTC").await;
    assert_eq!(unusual(&utc, "newUsers", &json!(0)), on(&[("2026-02-28", 1), ("2026-03-27", 1), ("2026-03-30", 1)]));
    let berlin = life.stage.charts(&life.hero, 30, "Europe/Berlin").await;
    assert_eq!(unusual(&berlin, "newUsers", &json!(0)), on(&[("2026-03-01", 1), ("2026-03-27", 1), ("2026-03-30", 1)]));
    assert_eq!(
        (&berlin["from"], &berlin["to"]),
        (&json!("2026-02-28T23:00:00.000000Z"), &json!("2026-03-30T22:00:00.000000Z"))
    );
    // One day of cost by itself.
    let of_day =
        format!("finished_at >= {} AND finished_at < {}", instant("2026-03-28 00:00"), instant("2026-03-29 00:00"));
    assert_eq!(utc["days"][28]["date"], "2026-03-28");
    assert_eq!(utc["days"][28]["providerCost"], cost(server, &of_day).await);
    assert_eq!(utc["days"][20]["providerCost"], "0.00", "no request, no cost");

    // Before the installation began nothing was measured.
    let year = life.stage.charts(&life.hero, 366, "UTC").await;
    let days = year["days"].as_array().unwrap();
    assert_eq!(days.len(), 366);
    for day in days {
        let is_known = day["date"].as_str().unwrap() >= "2026-02-10";
        for field in
            ["creditsSpent", "creditsRefunded", "providerCost", "images", "itemsFailed", "newUsers", "activeUsers"]
        {
            assert_eq!(day[field].is_null(), !is_known, "{field} of {day}");
        }
    }
    assert_eq!(year["measuredSince"], "2026-02-10T12:00:00.000000Z");
    for days in [0, 367, -1] {
        let answer = server.call(Some(&life.hero.token), &charts_query(), json!({"d": days, "z": "UTC"})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    }
}

#[rstest]
#[tokio::test]
async fn an_installation_without_anything_has_figures_too(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let stats = server.payload(&hero, STATS, json!({"z": "UTC"})).await;
    for (field, value) in [
        ("users", json!(1)),
        ("admins", json!(1)),
        ("images", json!(0)),
        ("creditsSpent", json!(0)),
        ("creditsRefunded", json!(0)),
        ("providerCost", json!("0.00")),
        ("growth", json!(null)),
        ("successRate", json!(null)),
        ("revenue", json!(null)),
    ] {
        assert_eq!(stats[field], value, "{field}");
    }
    let charts = server.payload(&hero, &charts_query(), json!({"d": 1, "z": "Asia/Tokyo"})).await;
    assert_eq!(charts["days"].as_array().unwrap().len(), 1);
    assert_eq!((&charts["days"][0]["creditsSpent"], &charts["days"][0]["newUsers"]), (&json!(0), &json!(1)));
    assert_eq!((&charts["byFunction"], &charts["byModel"]), (&json!([]), &json!([])));
}

// What is noted of a person goes with them, and does not come back.
#[rstest]
#[tokio::test]
async fn what_is_noted_of_a_person_goes_with_them(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, "2026-05-04 12:00").await;
    let server = &stage.server;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    for _ in 0..3 {
        for person in [&hero, &user] {
            server.data(Some(&person.token), "{ viewer { id } }", json!({})).await;
        }
    }
    stage.noted(2).await;
    let stats = stage.stats(&hero, "UTC").await;
    assert_eq!((&stats["activeUsersToday"], &stats["activeUsersSince"]), (&json!(2), &json!("2026-05-04")));
    // Thirty days later the first of them are not of the month any more.
    stage.at("2026-06-02 23:59");
    let hero = server.sign_in(&hero.name).await;
    assert_eq!(stage.stats(&hero, "UTC").await["activeUsers30Days"], 2);
    stage.at("2026-06-03 00:00");
    let hero = server.sign_in(&hero.name).await;
    server.data(Some(&hero.token), "{ viewer { id } }", json!({})).await;
    stage.noted(4).await;
    let stats = stage.stats(&hero, "UTC").await;
    assert_eq!((&stats["activeUsersToday"], &stats["activeUsers30Days"]), (&json!(1), &json!(1)));
    let delete = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
    let done = server.payload(&hero, delete, json!({"i": {"userId": user.user}})).await;
    assert_eq!(done["userErrors"], json!([]));
    assert_eq!(server.number("SELECT COUNT(*) FROM user_activity").await, 3);
    assert_eq!(stage.stats(&hero, "UTC").await["users"], 1);
}

/// Counts the statements that the driver reports.
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

// REQ-A-48, REQ-A-49: bounded statements, that of the session included, and none for a row.
#[rstest]
#[tokio::test]
async fn figures_and_people_take_few_statements(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let count = Arc::new(AtomicUsize::new(0));
    // Every test has a process of its own, so this is the only subscriber.
    tracing_subscriber::registry().with(Count(count.clone())).try_init().unwrap();
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    for number in 0..12 {
        server.sign_up(&format!("reader-{number}")).await;
    }
    let user = server.sign_up("drawer").await;
    server.give(&hero, &user, 100).await;
    let task = server.drawing(&user, 2, "two-for-the-charts").await;
    server.ended(&user, &task).await;
    // A process without workers, so that nothing else speaks to the database.
    let home = Arc::clone(&server.home);
    server.stop().await;
    let server = home.start_with(|config, _| config.role = Role::Api).await;
    let least = async |query: &str, variables: Value| {
        let mut least = usize::MAX;
        for _ in 0..5 {
            let before = count.load(Ordering::SeqCst);
            server.data(Some(&hero.token), query, variables.clone()).await;
            least = least.min(count.load(Ordering::SeqCst) - before);
        }
        least
    };
    let stats = least(STATS, json!({"z": "Europe/Berlin"})).await;
    assert!((2..=6).contains(&stats), "{stats} statements for the totals");
    let charts = least(&charts_query(), json!({"d": 366, "z": "Europe/Berlin"})).await;
    assert!((2..=8).contains(&charts), "{charts} statements for the charts");
    let people = "query($n: Int!, $o: UserOrder!) { users(first: $n, orderBy: $o) { nodes { username role imageCount \
                  personalAccount { balance { available } } } totalCount } }";
    for order in ["NEWEST", "ROLE_HIGHEST", "CREDITS_MOST", "IMAGES_LEAST"] {
        let few = least(people, json!({"n": 2, "o": order})).await;
        let many = least(people, json!({"n": 14, "o": order})).await;
        assert!(few <= 6, "{few} statements for two people, {order}");
        // A loader may be given its keys in two turns on a busy machine.
        assert!(many <= few + 2, "{few} statements for two people, {many} for fourteen, {order}");
    }
    // The number of all people is counted only where it is asked for.
    let with = least("{ users(first: 2) { nodes { id } totalCount } }", json!({})).await;
    let without = least("{ users(first: 2) { nodes { id } } }", json!({})).await;
    assert_eq!(with, without + 1);
    server.stop().await;
}
