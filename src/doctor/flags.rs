//! What operators should know of flags: values that say nothing, names that contradict each other, overrides that are over.

use super::{Finding, Scene, database::unread};
use crate::flag::{Flag, Source, Standing, store::list_overrides};

pub(super) async fn look(scene: &Scene) -> Result<Finding, Finding> {
    let environment = &scene.config.flags;
    let mut problems: Vec<String> = environment.warnings().iter().map(ToString::to_string).collect();
    let mut remedies: Vec<String> = Vec::new();
    if !problems.is_empty() {
        remedies.push("set each variable named to true or false, and leave the NEXT_PUBLIC_ ones out".to_owned());
    }
    // Without the tables the environment is all there is.
    let overrides = match scene.tables() {
        Ok(db) => list_overrides(db.reader()).await.map_err(|error| unread(&error))?,
        Err(_) => Vec::new(),
    };
    let at = scene.clock.now();
    for (flag, _) in overrides.iter().filter(|(_, set)| !set.counts(at)) {
        problems.push(format!("the override of {} has expired", flag.as_str()));
        remedies.push(format!("inkledger flags clear {} --reason …, or `clearFlag`", flag.as_str()));
    }
    if !problems.is_empty() {
        return Ok(Finding::warn(problems.join("; "), remedies.join("; ")));
    }
    let standing = |flag: &Flag| Standing {
        flag: *flag,
        overridden: overrides.iter().find(|(of, _)| of == flag).map(|(_, set)| set.clone()),
        environment: environment.value(*flag),
        at,
    };
    let moved: Vec<String> = Flag::ALL
        .iter()
        .map(standing)
        .filter(|standing| standing.effective().1 != Source::Default)
        .map(|standing| {
            let (is_on, source) = standing.effective();
            let value = if is_on { "on" } else { "off" };
            format!("{} is {value} ({})", standing.flag.as_str(), source.as_str().to_lowercase())
        })
        .collect();
    Ok(match moved.is_empty() {
        true => Finding::ok(format!("all {} flags have their defaults", Flag::ALL.len())),
        false => Finding::ok(moved.join("; ")),
    })
}
