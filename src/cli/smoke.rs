//! `inkledger smoke`: a deployment tried out from outside, through its API alone: sign in, add credits, draw an image in the sandbox, read it
//! back, and let the installation examine itself. What was made is taken away again.

#![expect(
    clippy::indexing_slicing,
    reason = "JSON that is read by a name answers null where there is none, and never panics"
)]

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Arg, Command};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{CliError, Context, FAILED, OK, UNUSABLE, json_flag, table::plain};
use crate::{
    clock::SystemClock,
    ids::{Ids as _, SystemIds},
};

/// How long one request may take.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// How long the image may take, and how often it is asked for.
const IMAGE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// `smoke`.
pub(super) fn command() -> Command {
    Command::new("smoke")
        .about("Try out a deployment through its API; exit 0, 1 warnings, 2 failures")
        .arg(json_flag())
        .arg(
            Arg::new("url")
                .long("url")
                .required(true)
                .value_name("URL")
                .help("Where it is, such as https://ink.example.com"),
        )
        .arg(
            Arg::new("user")
                .long("user")
                .required(true)
                .value_name("NAME")
                .help("An administrator's username or address"),
        )
        .arg(
            Arg::new("password-file")
                .long("password-file")
                .required(true)
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The file with the password; - is standard input"),
        )
}

/// How a step ended, as the doctor says it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Warn,
    Fail,
    Skipped,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Skipped => "SKIPPED",
        }
    }
}

struct Step {
    name: &'static str,
    status: Status,
    finding: String,
}

/// A step's finding, or why it failed.
type Found = Result<(Status, String), String>;

struct Smoke {
    http: reqwest::Client,
    url: String,
    token: Option<SecretString>,
    /// For the keys of commands: every run is one of its own.
    run: String,
    steps: Vec<Step>,
}

/// `smoke`: 0 all well, 1 warnings, 2 failures or wrong use.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let text = |name: &str| context.matches.get_one::<String>(name).cloned().unwrap_or_default();
    let (url, user) = (text("url").trim_end_matches('/').to_owned(), text("user"));
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(CliError::Usage(format!("--url is `{url}`, but must begin with https:// or http://")));
    }
    let password = password(context)?;
    let http = reqwest::Client::builder().timeout(REQUEST_WITHIN).redirect(reqwest::redirect::Policy::none());
    let http = http.user_agent(concat!("inkledger/", env!("CARGO_PKG_VERSION"))).build();
    let http = http.map_err(|error| CliError::Refused(format!("cannot make requests: {error}")))?;
    let run = SystemIds::new(Arc::new(SystemClock)).uuid().simple().to_string();
    let mut smoke = Smoke { http, url, token: None, run, steps: Vec::new() };
    smoke.all(&user, &password).await;
    print(context, &smoke)?;
    let has = |status: Status| smoke.steps.iter().any(|step| step.status == status);
    Ok(match (has(Status::Fail), has(Status::Warn)) {
        (true, _) => UNUSABLE,
        (false, true) => FAILED,
        (false, false) => OK,
    })
}

fn password(context: &Context) -> Result<SecretString, CliError> {
    let path = context.matches.get_one::<PathBuf>("password-file").cloned().unwrap_or_default();
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().take(4_096).read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(&path).map(|read| text = read),
    };
    read.map_err(|error| CliError::Usage(format!("--password-file {} cannot be read: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

impl Smoke {
    fn note(&mut self, name: &'static str, found: Found) -> bool {
        let (status, finding) = found.unwrap_or_else(|why| (Status::Fail, why));
        self.steps.push(Step { name, status, finding });
        status != Status::Fail
    }

    async fn all(&mut self, user: &str, password: &SecretString) {
        let ready = self.ready().await;
        self.note("ready", ready);
        let signed_in = self.sign_in(user, password).await;
        let account = match signed_in {
            Ok((token, account)) => {
                self.token = Some(token);
                self.note("sign_in", Ok((Status::Ok, "the administrator is signed in".to_owned())));
                account
            }
            Err(why) => {
                self.note("sign_in", Err(why));
                return;
            }
        };
        let model = self.sandbox().await;
        let (model, price) = match model {
            Ok(Some(found)) => (Some(found.0), found.1),
            Ok(None) => (None, 1),
            Err(why) => {
                self.note("models", Err(why));
                (None, 1)
            }
        };
        let credits = self.add_credits(&account, price).await;
        self.note("credits", credits);
        match model {
            Some(model) => self.image(&model).await,
            None => {
                let finding = "there is no active model of the sandbox for images: nothing is drawn for money here";
                self.note("image", Ok((Status::Skipped, finding.to_owned())));
            }
        }
        self.note("charts", Ok((Status::Skipped, "the API has no charts yet".to_owned())));
        let audit = self.audit().await;
        self.note("environment", audit);
        let out = self
            .payload("mutation($i: SignOutInput!) { signOut(input: $i) { userErrors { code } } }", json!({"i": {}}))
            .await;
        self.note("sign_out", out.map(|_| (Status::Ok, "the session is ended".to_owned())));
    }

    async fn ready(&self) -> Found {
        let answer = self.http.get(format!("{}/readyz", self.url)).send().await.map_err(|error| in_full(&error))?;
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match (status.is_success(), body["degraded"].as_array().is_some_and(|parts| !parts.is_empty())) {
            (true, false) => Ok((Status::Ok, "/readyz answers".to_owned())),
            (true, true) => Ok((Status::Warn, format!("degraded: {}", body["degraded"]))),
            (false, _) => Err(format!("/readyz answers {status}")),
        }
    }

    /// The first root field of the answer's data, unless anything went wrong.
    async fn payload(&self, query: &str, variables: Value) -> Result<Value, String> {
        let request =
            self.http.post(format!("{}/graphql", self.url)).json(&json!({"query": query, "variables": variables}));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        let answer = request.send().await.map_err(|error| in_full(&error))?;
        let status = answer.status();
        let answer: Value = answer.json().await.map_err(|_| format!("the answer is no JSON, with status {status}"))?;
        if let Some(error) = answer["errors"].get(0) {
            return Err(format!("{}: {}", error["extensions"]["code"], error["message"]));
        }
        let first = answer["data"].as_object().and_then(|data| data.values().next().cloned());
        let payload = first.ok_or_else(|| format!("the answer has no data, with status {status}"))?;
        match payload["userErrors"].get(0) {
            Some(error) => Err(format!("refused with {}", error["code"])),
            None => Ok(payload),
        }
    }

    async fn sign_in(&self, user: &str, password: &SecretString) -> Result<(SecretString, String), String> {
        let query = "mutation($i: SignInInput!) { signIn(input: $i) { userErrors { code } \
                     session { accessToken user { personalAccount { id } } } } }";
        let input = json!({"i": {"identity": user, "password": password.expose_secret()}});
        let session = self.payload(query, input).await?["session"].clone();
        let token = session["accessToken"].as_str().ok_or("there is no token in the answer")?.to_owned();
        let account = session["user"]["personalAccount"]["id"].as_str().ok_or("the administrator has no account")?;
        Ok((token.into(), account.to_owned()))
    }

    /// The sandbox's model for images and what one costs.
    async fn sandbox(&self) -> Result<Option<(String, i64)>, String> {
        let models = self.payload("{ aiModels { id kind isActive isSandbox creditsPerImage } }", json!({})).await?;
        let found = models
            .as_array()
            .into_iter()
            .flatten()
            .find(|model| model["kind"] == "IMAGE" && model["isActive"] == true && model["isSandbox"] == true);
        Ok(found
            .and_then(|model| Some((model["id"].as_str()?.to_owned(), model["creditsPerImage"].as_i64().unwrap_or(1)))))
    }

    /// As many as the image costs, so that none is left over.
    async fn add_credits(&self, account: &str, amount: i64) -> Found {
        let query =
            "mutation($i: AddCreditsInput!) { addCredits(input: $i) { added balanceAfter userErrors { code } } }";
        let input = json!({"target": {"accountId": account}, "amount": amount, "reason": "inkledger smoke",
            "idempotencyKey": format!("smoke-add-{}", self.run)});
        let done = self.payload(query, json!({"i": input})).await?;
        Ok((Status::Ok, format!("{} added, {} available", done["added"], done["balanceAfter"])))
    }

    async fn image(&mut self, model: &str) {
        let drawn = self.draw(model).await;
        let image = match drawn {
            Ok(image) => image,
            Err(why) => {
                self.note("image", Err(why));
                return;
            }
        };
        self.note("image", Ok((Status::Ok, "drawn by the sandbox, paid and stored".to_owned())));
        let read = self.read_back(&image).await;
        self.note("read_back", read);
        let query = "mutation($i: DeleteImageInput!) { deleteImage(input: $i) { userErrors { code } } }";
        let removed = self.payload(query, json!({"i": {"imageId": image["id"]}})).await;
        self.note("clean_up", removed.map(|_| (Status::Ok, "the image is deleted; its credit is spent".to_owned())));
    }

    async fn draw(&self, model: &str) -> Result<Value, String> {
        let query =
            "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code } } }";
        let input = json!({"prompt": "a lighthouse at dusk", "count": 1, "modelId": model,
            "idempotencyKey": format!("smoke-draw-{}", self.run)});
        let task = self.payload(query, json!({"i": input})).await?["task"]["id"].clone();
        let query =
            "query($id: ID!) { aiTask(id: $id) { status error { code } items { image { id url contentType } } } }";
        let watching = async {
            loop {
                let found = self.payload(query, json!({"id": task})).await?;
                match found["status"].as_str() {
                    Some("SUCCESS") => return Ok(found["items"][0]["image"].clone()),
                    Some("ERROR" | "PARTIAL" | "CANCELLED") => {
                        return Err(format!("it ended with {}", found["error"]["code"]));
                    }
                    _ => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        };
        let late =
            |_| format!("it was not drawn within {} s. See that a process with jobs runs", IMAGE_WITHIN.as_secs());
        tokio::time::timeout(IMAGE_WITHIN, watching).await.map_err(late)?
    }

    async fn read_back(&self, image: &Value) -> Found {
        let address = image["url"].as_str().ok_or("the image has no address")?;
        // Another machine's address is signed by itself, and is not to hear of the token; neither is ours.
        let answer = self.http.get(address).send().await.map_err(|error| in_full(&error))?;
        let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
        let bytes = answer.bytes().await.map_err(|error| in_full(&error))?;
        let is_right = kind.as_ref().and_then(|kind| kind.to_str().ok()) == image["contentType"].as_str();
        if !status.is_success() || bytes.is_empty() || !is_right {
            return Err(format!("its address answers {status}, {kind:?}, {} bytes", bytes.len()));
        }
        Ok((Status::Ok, format!("{} bytes of {}", bytes.len(), image["contentType"].as_str().unwrap_or_default())))
    }

    async fn audit(&self) -> Found {
        let audit = self.payload("{ environmentAudit { status checks { name status finding } } }", json!({})).await?;
        let checks = audit["checks"].as_array().cloned().unwrap_or_default();
        let of = |status: &str| {
            let found = checks.iter().filter(|check| check["status"] == status);
            found
                .filter_map(|check| Some(format!("{}: {}", check["name"].as_str()?, check["finding"].as_str()?)))
                .collect::<Vec<_>>()
        };
        let (failures, warnings) = (of("FAIL"), of("WARN"));
        match (failures.is_empty(), warnings.is_empty()) {
            (false, _) => Err(failures.join("; ")),
            (true, false) => Ok((Status::Warn, warnings.join("; "))),
            (true, true) => Ok((Status::Ok, format!("{} checks", checks.len()))),
        }
    }
}

/// An error and its causes, without the address, which may be signed.
fn in_full(error: &reqwest::Error) -> String {
    let mut text = "it cannot be reached".to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    text
}

fn print(context: &Context, smoke: &Smoke) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if context.json() {
        let steps: Vec<_> = smoke
            .steps
            .iter()
            .map(|step| json!({"name": step.name, "status": step.status.as_str(), "finding": step.finding}))
            .collect();
        return writeln!(out, "{:#}", json!({"url": smoke.url, "steps": steps}));
    }
    for step in &smoke.steps {
        writeln!(out, "{:<7}  {:<11}  {}", step.status.as_str(), step.name, plain(&step.finding))?;
    }
    let count = |status: Status| smoke.steps.iter().filter(|step| step.status == status).count();
    let (warnings, failures) = (count(Status::Warn), count(Status::Fail));
    writeln!(out, "\n{} OK, {warnings} WARN, {failures} FAIL, {} SKIPPED", count(Status::Ok), count(Status::Skipped))
}
