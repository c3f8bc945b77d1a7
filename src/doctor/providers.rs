//! The AI providers that the configuration names: whether each can be reached and takes its key. Only what is free is
//! asked for. Keys that administrators entered are the server's to try, not this program's.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, Url, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{Finding, Scene, Status};
use crate::config::{ProviderAccess, variable_of};

/// How long one provider may take; all are asked at once, within the time of one check.
const PROVIDER_MAX: Duration = Duration::from_secs(4);

/// How to ask a provider for something free.
struct Probe {
    provider: &'static str,
    own_base_url: &'static str,
    /// Below the base URL; for most, the list of models.
    path: &'static str,
    /// Carries the key.
    header: &'static str,
    prefix: &'static str,
    /// Whether a wrong key is refused there.
    tries_key: bool,
}

/// A provider that documents nothing free: it is only seen whether somebody answers, and the key stays here.
const fn mute(provider: &'static str, own_base_url: &'static str) -> Probe {
    Probe { provider, own_base_url, path: "", header: "", prefix: "", tries_key: false }
}

const PROBES: &[Probe] = &[
    Probe {
        provider: "anthropic",
        own_base_url: "https://api.anthropic.com/v1",
        path: "models",
        header: "x-api-key",
        prefix: "",
        tries_key: true,
    },
    mute("fal", "https://queue.fal.run"),
    Probe {
        provider: "gemini",
        own_base_url: "https://generativelanguage.googleapis.com/v1beta",
        path: "models",
        header: "x-goog-api-key",
        prefix: "",
        tries_key: true,
    },
    Probe {
        provider: "huggingface",
        own_base_url: "https://router.huggingface.co",
        path: "v1/models",
        header: "authorization",
        prefix: "Bearer ",
        tries_key: false,
    },
    mute("ideogram", "https://api.ideogram.ai"),
    Probe {
        provider: "ollama",
        own_base_url: "http://127.0.0.1:11434",
        path: "api/tags",
        header: "authorization",
        prefix: "Bearer ",
        tries_key: true,
    },
    Probe {
        provider: "openai",
        own_base_url: "https://api.openai.com/v1",
        path: "models",
        header: "authorization",
        prefix: "Bearer ",
        tries_key: true,
    },
    mute("runware", "https://api.runware.ai/v1"),
];

impl Probe {
    /// Whether the configuration sets the provider up: by a key, or by an address where none is needed.
    fn is_wanted(&self, access: &ProviderAccess) -> bool {
        use crate::ai::routing::Providers;
        let has_key = access.api_key.is_some() || !Providers::needs_key(self.provider);
        has_key && (access.base_url.is_some() || !Providers::needs_address(self.provider))
    }

    fn variable(&self, name: &str) -> String {
        variable_of(&format!("ai.{}.{name}", self.provider))
    }

    async fn look(&self, client: &Client, access: &ProviderAccess) -> Finding {
        let provider = self.provider;
        let see = format!("see that {} is right and can be reached from here", self.variable("base_url"));
        let base_url = access.base_url.as_deref().unwrap_or(self.own_base_url);
        let Ok(url) = Url::parse(&format!("{base_url}/{}", self.path)) else {
            return Finding::fail(format!("{provider} has an address that is no URL"), see);
        };
        let mut request = client.get(url).timeout(PROVIDER_MAX);
        if provider == "anthropic" {
            request = request.header("anthropic-version", "2023-06-01");
        }
        let is_mute = self.header.is_empty();
        if let Some(key) = access.api_key.as_ref().filter(|_| !is_mute) {
            let Some(value) = self.header_value(key) else {
                let remedy = format!("set a valid key in {}", self.variable("api_key"));
                return Finding::fail(format!("the key of {provider} cannot be a header"), remedy);
            };
            request = request.header(self.header, value);
        }
        let status = match request.send().await {
            Ok(answer) => answer.status(),
            Err(error) if error.is_timeout() => {
                return Finding::fail(format!("{provider} does not answer in time"), see);
            }
            Err(error) => {
                // The address may hold a name and password.
                let error = error.without_url();
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                return Finding::fail(format!("{provider} cannot be reached: {error}{cause}"), see);
            }
        };
        let refused = || {
            Finding::fail(
                format!("{provider} refuses the key ({status})"),
                format!("set a valid key in {}", self.variable("api_key")),
            )
        };
        match status.as_u16() {
            ..=499 if is_mute => Finding::ok(format!("{provider} can be reached; the key was not tried")),
            200..=299 if access.api_key.is_none() => Finding::ok(format!("{provider} answers")),
            200..=299 if self.tries_key => Finding::ok(format!("{provider} answers and takes the key")),
            200..=299 => Finding::ok(format!("{provider} answers; the key was not tried")),
            401 | 403 => refused(),
            // Google says so of a key that it does not know.
            400 if provider == "gemini" => refused(),
            // Compatible servers need not have this list.
            404 | 405 => Finding::ok(format!("{provider} can be reached ({status}); the key was not tried")),
            _ => Finding::warn(format!("{provider} answers {status}"), see),
        }
    }

    fn header_value(&self, key: &SecretString) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{}{}", self.prefix, key.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

pub(super) async fn look(scene: &Scene) -> Result<Finding, Finding> {
    let wanted: Vec<_> = scene
        .config
        .ai
        .providers
        .iter()
        .filter_map(|access| Some((PROBES.iter().find(|probe| probe.provider == access.name)?, access)))
        .filter(|(probe, access)| probe.is_wanted(access))
        .collect();
    if wanted.is_empty() {
        return Ok(Finding::warn(
            "sandbox only: texts and images are made up on this machine and labelled so, unless an administrator entered a \
             key",
            "set INKLEDGER_AI_OPENAI_API_KEY, or another provider's; docs/providers.md names them all",
        ));
    }
    let cannot = |_| Finding::fail("the HTTP client cannot be built", "report this with the output of `doctor --json`");
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().map_err(cannot)?;
    let found = join_all(wanted.iter().map(|(probe, access)| probe.look(&client, access))).await;
    let worst = found.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
    let texts: Vec<&str> = found.iter().map(|finding| finding.text.as_str()).collect();
    let remedies: Vec<&str> = found.iter().filter_map(|finding| finding.remedy.as_deref()).collect();
    let remedy = (!remedies.is_empty()).then(|| remedies.join("; "));
    Ok(Finding { status: worst, text: texts.join("; "), remedy })
}
