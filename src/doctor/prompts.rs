//! The shipped prompts: all there, each with one active version.

use super::{Finding, Scene};
use crate::prompt::{
    model::{Category, PromptKey, catalogue::catalogue},
    store::prompt::{all_prompts, count_without_active},
};

/// How many names of missing prompts are told.
const TOLD: usize = 5;

pub(super) async fn shipped(scene: &Scene) -> Result<Finding, Finding> {
    let db = scene.tables()?;
    let unread = |error: sea_orm::DbErr| {
        Finding::fail(
            format!("the prompts cannot be read: {error}"),
            "see that the database of INKLEDGER_DATABASE_URL answers, then run `inkledger doctor` again",
        )
    };
    let broken = count_without_active(db.reader()).await.map_err(unread)?;
    if broken > 0 {
        return Ok(Finding::fail(
            format!("{broken} prompts have no active version, which the schema rules out"),
            "the database was changed by other means: restore a backup",
        ));
    }
    let stored = all_prompts(db.reader()).await.map_err(unread)?;
    let is_there = |category: Category, key: &str| {
        let key = PromptKey::lenient(key);
        stored.iter().any(|prompt| prompt.category == category && prompt.key == key)
    };
    let of =
        |functions: bool| catalogue().filter(move |shipped| (shipped.category == Category::AiFunction) == functions);
    let found = |functions: bool| {
        let there = of(functions).filter(|shipped| is_there(shipped.category, shipped.key)).count();
        format!("{there} of {}", of(functions).count())
    };
    let missing: Vec<String> = catalogue()
        .filter(|shipped| !is_there(shipped.category, shipped.key))
        .map(|shipped| format!("{}/{}", shipped.category, shipped.key))
        .collect();
    let disabled = stored.iter().filter(|prompt| !prompt.is_enabled).count();
    let text = format!(
        "{} shipped prompts and {} of AI functions, one active version each; {} in all, {disabled} disabled",
        found(false),
        found(true),
        stored.len()
    );
    if missing.is_empty() {
        return Ok(Finding::ok(text));
    }
    let told = missing.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    let more = if missing.len() > TOLD { " …" } else { "" };
    let remedy = if scene.config.install_catalogue {
        "start `inkledger serve` once: it adds what is missing and overwrites nothing"
    } else {
        "built-in texts stand in for them; to have them in the registry, set INKLEDGER_PROMPTS_INSTALL_CATALOGUE=true \
         and start `inkledger serve`"
    };
    Ok(Finding::warn(format!("{text}; missing: {told}{more}"), remedy))
}
