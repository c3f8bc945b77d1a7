//! A delivery of a run is one transaction: a fault in any write of it leaves nothing of it, and what was asked of the
//! provider is not asked again.

use std::time::Duration;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::Value;

use super::twin::{PATIENCE, Twin, assert_full, check_rules, price_models};
use crate::support::{builders::Person, server::Server};

/// A write of a delivery that fails: the event, the table, and for which rows.
type Fault = (&'static str, &'static str, &'static str);

/// A stage with an AI model: its name, that of its function, and the writes of its deliveries.
struct Delivery {
    stage: &'static str,
    function: &'static str,
    faults: &'static [Fault],
}

const CLUSTER: Delivery = Delivery {
    stage: "CLUSTER",
    function: "CLUSTER_KEYWORDS",
    faults: &[
        ("INSERT", "cluster", "TRUE"),
        ("UPDATE", "keyword", "NEW.state = 'CLUSTERED'"),
        ("INSERT", "audit_entry", "NEW.action = 'cluster.create'"),
        ("INSERT", "automation_product", "NEW.stage = 'CLUSTER'"),
        ("UPDATE", "automation_item", "NEW.stage = 'CLUSTER' AND NEW.state = 'SUCCEEDED'"),
        ("UPDATE", "ai_task", "NEW.ai_function = 'CLUSTER_KEYWORDS' AND NEW.items_delivered > 0"),
    ],
};

const IDEAS: Delivery = Delivery {
    stage: "IDEAS",
    function: "GENERATE_IDEAS",
    faults: &[
        ("INSERT", "idea", "TRUE"),
        ("UPDATE", "automation_stage", "NEW.stage = 'IDEAS' AND NEW.succeeded > 0"),
        ("UPDATE", "automation_run", "NEW.current_stage = 'IDEAS' AND NEW.credits_used > OLD.credits_used"),
        ("INSERT", "run_event", "NEW.kind = 'ITEM' AND NEW.payload LIKE '%\"IDEAS\"%'"),
        ("INSERT", "credit_usage", "NEW.ai_function = 'GENERATE_IDEAS'"),
    ],
};

const CONTENT: Delivery = Delivery {
    stage: "CONTENT",
    function: "GENERATE_CONTENT",
    faults: &[
        ("INSERT", "content", "TRUE"),
        ("UPDATE", "content_task", "NEW.state = 'COMPLETED'"),
        ("UPDATE", "automation_item", "NEW.stage = 'CONTENT' AND NEW.state = 'SUCCEEDED'"),
        ("INSERT", "credit_usage", "NEW.ai_function = 'GENERATE_CONTENT'"),
        ("UPDATE", "ai_task_item", "NEW.state = 'DELIVERED' AND NEW.credits > 0 AND OLD.text LIKE '%<h2>%'"),
    ],
};

const IMAGE_PROMPTS: Delivery = Delivery {
    stage: "IMAGE_PROMPTS",
    function: "GENERATE_IMAGE_PROMPTS",
    faults: &[
        ("INSERT", "content_image", "TRUE"),
        ("UPDATE", "content", "NEW.prompts_made_at IS NOT NULL"),
        ("INSERT", "automation_product", "NEW.stage = 'IMAGE_PROMPTS'"),
        ("INSERT", "credit_usage", "NEW.ai_function = 'GENERATE_IMAGE_PROMPTS'"),
    ],
};

const IMAGES: Delivery = Delivery {
    stage: "IMAGES",
    function: "GENERATE_IMAGES",
    faults: &[
        ("INSERT", "image", "TRUE"),
        ("UPDATE", "content_image", "NEW.state = 'GENERATED'"),
        ("UPDATE", "automation_item", "NEW.stage = 'IMAGES' AND NEW.state = 'SUCCEEDED'"),
        ("INSERT", "run_event", "NEW.kind = 'ITEM' AND NEW.payload LIKE '%\"IMAGES\"%'"),
        ("INSERT", "credit_usage", "NEW.ai_function = 'GENERATE_IMAGES'"),
    ],
};

/// The writes of a stage's end, which ends its AI task.
const STAGE_END: [Fault; 4] = [
    ("UPDATE", "ai_task", "NEW.ai_function = 'GENERATE_IDEAS' AND NEW.status = 'SUCCESS'"),
    ("INSERT", "notification", "NEW.notification_type = 'ai_ideas_success'"),
    ("UPDATE", "automation_stage", "NEW.stage = 'IDEAS' AND NEW.status = 'COMPLETED'"),
    ("INSERT", "run_event", "NEW.kind = 'FINISHED' AND NEW.subject_kind = 'ai_task' AND NEW.payload LIKE '% ideas %'"),
];

/// The writes of a run's end.
const RUN_END: [Fault; 4] = [
    ("UPDATE", "automation_run", "NEW.state = 'COMPLETED'"),
    ("INSERT", "notification", "NEW.notification_type = 'automation_completed'"),
    ("UPDATE", "job", "NEW.kind = 'automation.run' AND NEW.state = 'done'"),
    ("INSERT", "run_event", "NEW.kind = 'FINISHED' AND NEW.subject_kind = 'automation_run'"),
];

struct Workshop {
    server: Server,
    hero: Person,
    engine: Engine,
}

impl Workshop {
    async fn plant(&self, twin: &Twin, (event, table, clause): Fault) {
        let account = twin.account(self.engine);
        let head = format!("CREATE TRIGGER planted BEFORE {event} ON {table} FOR EACH ROW");
        let clause = format!("NEW.account_id = {account} AND ({clause})");
        self.server
            .execute(&match self.engine {
                Engine::Sqlite => format!("{head} WHEN {clause} BEGIN SELECT RAISE(ABORT, 'planted'); END"),
                Engine::Postgres => format!("{head} WHEN ({clause}) EXECUTE FUNCTION planted()"),
            })
            .await;
    }

    async fn mend(&self, (_, table, _): Fault) {
        self.server
            .execute(&match self.engine {
                Engine::Sqlite => "DROP TRIGGER planted".to_owned(),
                Engine::Postgres => format!("DROP TRIGGER planted ON {table}"),
            })
            .await;
    }

    /// Waits until a turn of the twin's run has failed.
    async fn failed(&self, twin: &Twin, fault: Fault) {
        let waiting = async {
            while twin.count(&self.server.db, "job", "kind = 'automation.run' AND attempts > 0").await == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{fault:?} was not met"));
    }

    /// Nothing of the delivery is there; what was held for it still is.
    async fn nothing_of(&self, twin: &Twin, delivery: &Delivery, fault: Fault) {
        let Delivery { stage, function, .. } = delivery;
        let made = match *stage {
            "CLUSTER" => ("cluster", "TRUE"),
            "IDEAS" => ("idea", "TRUE"),
            "CONTENT" => ("content", "TRUE"),
            "IMAGE_PROMPTS" => ("content_image", "TRUE"),
            _ => ("image", "TRUE"),
        };
        let of_function = format!("ai_function = '{function}'");
        let products = format!("stage = '{stage}'");
        let items = format!("stage = '{stage}' AND state = 'SUCCEEDED'");
        let stages = format!("stage = '{stage}' AND (succeeded > 0 OR credits_used > 0)");
        let events = format!("kind = 'ITEM' AND subject_kind = 'automation_run' AND payload LIKE '%\"{stage}\"%'");
        let tasks = format!("{of_function} AND (finished_at IS NOT NULL OR items_delivered > 0 OR credits_used > 0)");
        for (table, clause) in [
            made,
            ("credit_usage", &of_function),
            ("automation_product", &products),
            ("automation_item", &items),
            ("automation_stage", &stages),
            ("run_event", &events),
            ("ai_task", &tasks),
        ] {
            let count = twin.count(&self.server.db, table, clause).await;
            assert_eq!(count, 0, "{table} where {clause}, after {fault:?}");
        }
        let count = async |table: &str, clause: &str| twin.count(&self.server.db, table, clause).await;
        assert_eq!(count("credit_usage", "TRUE").await, count("credit_transaction", "kind = 'settle'").await);
        assert_eq!(count("credit_hold", "state = 'held'").await, 1, "{fault:?}");
    }
}

/// A workshop, and what a run comes to in it, with its calls.
async fn calm(engine: Engine) -> (Workshop, Value, usize) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    price_models(&server, &hero, "sandbox").await;
    if engine == Engine::Postgres {
        let planted = "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS \
                       'BEGIN RAISE EXCEPTION ''planted''; END'";
        server.execute(planted).await;
    }
    let shop = Workshop { server, hero, engine };
    let calm = Twin::open(&shop.server, &shop.hero, "calm").await;
    let run = calm.start(&shop.server).await;
    calm.ended(&shop.server, &run).await;
    let expected = calm.outcome(&shop.server, &run).await;
    assert_full(&expected);
    let calls = shop.server.script.billing().len();
    (shop, expected, calls)
}

impl Workshop {
    /// A run that meets each of `faults`, is as `after` says then, and ends as if there had been none.
    async fn suffer(&self, faults: &[Fault], (expected, quiet): (&Value, usize), after: impl AsyncFn(&Twin, Fault)) {
        let server = &self.server;
        for (number, fault) in faults.iter().enumerate() {
            let twin = Twin::open(server, &self.hero, &format!("twin{number}")).await;
            self.plant(&twin, *fault).await;
            let before = server.script.billing().len();
            let run = twin.start(server).await;
            self.failed(&twin, *fault).await;
            after(&twin, *fault).await;
            self.mend(*fault).await;
            twin.ended(server, &run).await;
            assert_eq!(&twin.outcome(server, &run).await, expected, "{fault:?}");
            let sent = twin.settled(&server.db).await;
            let calls = server.script.billing().len() - before;
            assert_eq!((sent.requests, calls), (sent.delivered, quiet), "{fault:?}");
        }
        check_rules(&server.db).await;
    }
}

// REQ-B-19
#[rstest]
#[tokio::test]
async fn a_fault_in_any_write_of_a_run_s_delivery_leaves_nothing_of_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(CLUSTER, IDEAS, CONTENT, IMAGE_PROMPTS, IMAGES)] delivery: Delivery,
) {
    let (shop, expected, quiet) = calm(engine).await;
    let after = async |twin: &Twin, fault: Fault| shop.nothing_of(twin, &delivery, fault).await;
    shop.suffer(delivery.faults, (&expected, quiet), after).await;
}

// REQ-B-19: a stage and its AI task end in one transaction.
#[rstest]
#[tokio::test]
async fn a_fault_in_any_write_of_a_stage_s_end_leaves_nothing_of_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (shop, expected, quiet) = calm(engine).await;
    let db = &shop.server.db;
    let stage = async |twin: &Twin, fault: Fault| {
        for (table, clause) in [
            ("ai_task", "ai_function = 'GENERATE_IDEAS' AND finished_at IS NOT NULL"),
            ("notification", "notification_type = 'ai_ideas_success'"),
            ("automation_stage", "stage = 'IDEAS' AND finished_at IS NOT NULL"),
            ("credit_hold", "state = 'held'"),
        ] {
            assert_eq!(twin.count(db, table, clause).await, 0, "{table} where {clause}, after {fault:?}");
        }
        assert_eq!(twin.count(db, "credit_usage", "ai_function = 'GENERATE_IDEAS'").await, 1, "{fault:?}");
    };
    shop.suffer(&STAGE_END, (&expected, quiet), stage).await;
}

#[rstest]
#[tokio::test]
async fn a_fault_in_any_write_of_a_run_s_end_leaves_nothing_of_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (shop, expected, quiet) = calm(engine).await;
    let db = &shop.server.db;
    let run = async |twin: &Twin, fault: Fault| {
        for (table, clause) in [
            ("automation_run", "finished_at IS NOT NULL"),
            ("notification", "notification_type = 'automation_completed'"),
            ("job", "kind = 'automation.run' AND state = 'done'"),
            ("run_event", "kind = 'FINISHED' AND subject_kind = 'automation_run'"),
            ("credit_hold", "state = 'held'"),
        ] {
            assert_eq!(twin.count(db, table, clause).await, 0, "{table} where {clause}, after {fault:?}");
        }
    };
    shop.suffer(&RUN_END, (&expected, quiet), run).await;
}
