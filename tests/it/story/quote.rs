//! `quoteAiTask`: what it says is what is held, or the answer is that the quote is over.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

const QUOTE: &str = "query($i: QuoteAiTaskInput!) { quoteAiTask(input: $i) { credits creditsPerItem quote expiresAt remaining \
                     isBalanceSufficient model { priceVersion } caps { isSufficient cap { scope room } } userErrors { code } } }";
const DRAW: &str =
    "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code path } } }";
const WRITE: &str =
    "mutation($i: GenerateTextInput!) { generateText(input: $i) { task { id } userErrors { code path } } }";

/// The codes of a mutation that brings a token; empty when it was accepted.
async fn asked(server: &Server, person: &Person, mutation: &str, (input, token): (&Value, &Value), key: &str) -> Value {
    let mut input = input.clone();
    input["quote"] = token.clone();
    input["idempotencyKey"] = json!(key);
    server.payload(person, mutation, json!({"i": input})).await["userErrors"].clone()
}

fn over() -> Value {
    json!([{"code": "QUOTE_EXPIRED", "path": ["input", "quote"]}])
}

#[rstest]
#[tokio::test]
async fn a_quote_binds_until_the_price_changes(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (user, other) = (server.sign_up("reader").await, server.sign_up("stranger").await);
    server.give(&hero, &user, 100).await;
    server.give(&hero, &other, 100).await;
    let (available, _) = server.balance(&user).await;
    let input = json!({"prompt": "a ship", "count": 3});
    let quote = async |person: &Person, function: &str, input: &Value| {
        let mut input = input.clone();
        input["function"] = json!(function);
        server.payload(person, QUOTE, json!({"i": input})).await
    };
    let quoted = quote(&user, "GENERATE_IMAGES", &input).await;
    let credits = quoted["credits"].as_i64().unwrap();
    assert_eq!(
        (&quoted["isBalanceSufficient"], &quoted["remaining"], &quoted["caps"]),
        (&json!(true), &json!(available - credits), &json!([])),
        "{quoted}"
    );
    let token = quoted["quote"].clone();
    // For nobody else and for nothing else.
    assert_eq!(asked(&server, &other, DRAW, (&input, &token), "by-a-stranger").await, over());
    let changed = [json!({"prompt": "a shed", "count": 3}), json!({"prompt": "a ship", "count": 2})];
    for (at, changed) in changed.iter().enumerate() {
        assert_eq!(asked(&server, &user, DRAW, (changed, &token), &format!("something-else-{at}")).await, over());
    }
    let text = json!({"prompt": "a ship"});
    assert_eq!(asked(&server, &user, WRITE, (&text, &token), "another-work").await, over());
    // Nor for longer, nor as somebody would like it.
    let whole = token.as_str().unwrap();
    for (at, forged) in
        [&format!("AAY{}", &whole[3..]), &whole[..20], "", "!", &format!("{whole}AAAA")].iter().enumerate()
    {
        let key = format!("forged-token-{at}");
        assert_eq!(asked(&server, &user, DRAW, (&input, &json!(forged)), &key).await, over(), "{forged}");
    }
    assert_eq!(server.balance(&user).await, (available, 0), "nothing was held so far");
    assert_eq!(asked(&server, &user, DRAW, (&input, &token), "the-drawing").await, json!([]));
    let held = server.number("SELECT CAST(SUM(amount) AS bigint) FROM credit_hold").await;
    assert_eq!(held, credits);
    let written = quote(&user, "GENERATE_TEXT", &text).await;
    assert_eq!(asked(&server, &user, WRITE, (&text, &written["quote"]), "the-text").await, json!([]));
    // Another price: the quote does not bind, and a repeat of what it bound still has its first answer.
    let models = server.payload(&hero, "{ aiModels { id name } }", json!({})).await;
    let model = models.as_array().unwrap().iter().find(|model| model["name"] == "Sandbox Image").unwrap()["id"].clone();
    let change = "mutation($i: AddPriceVersionInput!) { addPriceVersion(input: $i) { userErrors { code } } }";
    let price = json!({"modelId": model, "price": {"image": {"costPerImage": "0.04", "creditsPerImage": 9}}});
    assert_eq!(server.payload(&hero, change, json!({"i": price})).await["userErrors"], json!([]));
    assert_eq!(asked(&server, &user, DRAW, (&input, &token), "after-the-change").await, over());
    assert_eq!(asked(&server, &user, DRAW, (&input, &token), "the-drawing").await, json!([]));
    let anew = quote(&user, "GENERATE_IMAGES", &input).await;
    assert_eq!(anew["creditsPerItem"], json!([9, 9, 9]));
    // What cannot be paid is quoted all the same, and says so.
    let set = "mutation($i: SetCreditCapInput!) { setCreditCap(input: $i) { userErrors { code } } }";
    let cap = json!({"accountId": user.account, "period": "ALWAYS", "limit": 26});
    assert_eq!(server.payload(&user, set, json!({"i": cap})).await["userErrors"], json!([]));
    let capped = quote(&user, "GENERATE_IMAGES", &input).await;
    assert_eq!(capped["caps"], json!([{"isSufficient": false, "cap": {"scope": "ACCOUNT", "room": 26}}]));
    let poor = server.sign_up("customer").await;
    let short = quote(&poor, "GENERATE_IMAGES", &json!({"prompt": "a ship", "count": 8})).await;
    assert_eq!((&short["isBalanceSufficient"], &short["remaining"]), (&json!(false), &json!(null)), "{short}");
    server.check_ledger().await;
}
