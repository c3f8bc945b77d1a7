//! Whether AI work can be done: models that nothing serves, defaults that are switched off, providers that cannot be
//! called, breakers that are open.

use super::{Finding, Scene, database::unread};
use crate::{
    ai::{
        model::{AiFunction, AiModel, is_sandbox},
        routing::Providers,
        setup::{NotSetUp, Setups, set_up},
        store,
        vault::Vault,
    },
    app::connect_providers,
    clock::SECOND,
};

const SEE_MODELS: &str = "see `aiModels(includeInactive: true)`; switch such a model off with updateAiModel, or name another \
                          default with setDefaultAiModel";

/// What an installation calls, without calling it.
fn adapters(scene: &Scene) -> Result<Providers, Finding> {
    connect_providers(&scene.config).map_err(|error| {
        Finding::fail(
            format!("the adapters cannot be built: {error}"),
            "report this with the output of `doctor --json`",
        )
    })
}

fn named<'a>(models: impl Iterator<Item = &'a AiModel>) -> String {
    models.map(|model| format!("{} ({})", model.name, model.provider)).collect::<Vec<_>>().join(", ")
}

/// Every active model has an adapter, and every default is active.
pub(super) async fn models(scene: &Scene) -> Result<Finding, Finding> {
    let reader = scene.tables()?.reader();
    let providers = adapters(scene)?;
    let all = store::list_models(reader, false).await.map_err(|error| unread(&error))?;
    if all.is_empty() {
        return Ok(Finding::skipped("no AI models yet: `serve` enters them"));
    }
    let serves = |model: &AiModel| providers.serves(&model.provider, model.kind);
    let without = named(all.iter().map(|one| &one.model).filter(|model| model.is_active && !serves(model)));
    if !without.is_empty() {
        return Ok(Finding::fail(format!("active AI models without an adapter: {without}"), SEE_MODELS));
    }
    let off = named(all.iter().filter(|one| !one.default_of.is_empty() && !one.model.is_active).map(|one| &one.model));
    if !off.is_empty() {
        return Ok(Finding::fail(format!("default AI models that are switched off: {off}"), SEE_MODELS));
    }
    let has_default = |function: &AiFunction| all.iter().any(|one| one.default_of.contains(function));
    let lacking: Vec<_> =
        AiFunction::ALL.iter().filter(|function| !has_default(function)).map(|function| function.as_str()).collect();
    let active = all.iter().filter(|one| one.model.is_active).count();
    let inactive = named(all.iter().map(|one| &one.model).filter(|model| !model.is_active && !serves(model)));
    if !lacking.is_empty() {
        let text = format!("AI functions without a default model: {}", lacking.join(", "));
        return Ok(Finding::warn(text, "name one with setDefaultAiModel, or name a model with every request"));
    }
    let more = if inactive.is_empty() { String::new() } else { format!("; without an adapter, and off: {inactive}") };
    Ok(Finding::ok(format!("{active} AI models are active, and every AI function has a default{more}")))
}

/// Every provider of an active model can be called, as far as that shows without calling it.
pub(super) async fn keys(scene: &Scene) -> Result<Finding, Finding> {
    let reader = scene.tables()?.reader();
    let providers = adapters(scene)?;
    let all = store::list_models(reader, true).await.map_err(|error| unread(&error))?;
    let setups = Setups::load(reader).await.map_err(|error| unread(&error))?;
    let vault = match Vault::open(&scene.config.ai.secret_key_file) {
        Ok(vault) => vault,
        // Made by `serve`; without it nothing was ever encrypted under it.
        Err(_) if !scene.config.ai.secret_key_file.exists() => {
            return Ok(Finding::skipped("no key encrypts provider keys yet: `serve` makes one"));
        }
        Err(error) => {
            let remedy = "see `ai.secret_key_file`: restore the file from a backup, or enter the provider keys anew";
            return Ok(Finding::fail(format!("the key that encrypts provider keys cannot be read: {error}"), remedy));
        }
    };
    let mut names: Vec<&str> =
        all.iter().filter(|one| !is_sandbox(&one.model)).map(|one| one.model.provider.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut problems = Vec::new();
    let mut is_unreadable = false;
    for name in &names {
        if let Err(reason) = set_up(&providers, &vault, &setups.row(name)) {
            is_unreadable |= matches!(reason, NotSetUp::KeyUnreadable(_));
            problems.push(format!("{name}: {reason}"));
        }
    }
    let remedy = "enter the key with updateProviderSettings, or switch its models off with updateAiModel";
    let text = format!("providers of active AI models that cannot be called: {}", problems.join("; "));
    Ok(match (problems.is_empty(), is_unreadable) {
        (true, _) if names.is_empty() => Finding::ok("only the sandbox has active models, and it needs no key"),
        (true, _) => Finding::ok(format!("can be called, as far as settings show: {}", names.join(", "))),
        (false, true) => Finding::fail(text, remedy),
        (false, false) => Finding::warn(text, remedy),
    })
}

/// No breaker is open.
pub(super) async fn breakers(scene: &Scene) -> Result<Finding, Finding> {
    let reader = scene.tables()?.reader();
    let now = scene.clock.now();
    let shut = store::list_shut_gates(reader, now).await.map_err(|error| unread(&error))?;
    if shut.is_empty() {
        return Ok(Finding::ok("no model's breaker is open"));
    }
    let one = |(provider, model, gate): &(String, String, crate::ai::model::Gate)| {
        let seconds = gate.open_until.saturating_sub(now) / SECOND;
        format!("{model} of {provider} after {} failures in a row, for {seconds} s more", gate.failures_in_row)
    };
    let text = format!("requests wait or go elsewhere: {}", shut.iter().map(one).collect::<Vec<_>>().join("; "));
    let remedy = "it closes by itself once a request succeeds; see the latest failures in the log, `providerSettings.lastFault`, \
                  and the provider's own status page";
    Ok(Finding::warn(text, remedy))
}
