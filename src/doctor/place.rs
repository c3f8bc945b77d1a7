//! What lies on this machine: settings, the data folder, the signing key.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Finding, Scene, blocking};
use crate::{
    auth::keys::{KeyError, KeyRing},
    config::Source,
};

pub(super) async fn settings(scene: &Scene) -> Result<Finding, Finding> {
    let set: Vec<String> = scene
        .config
        .settings
        .iter()
        .filter(|value| value.source != Source::Default)
        .map(|value| format!("{} ({})", value.setting.key, value.source.as_str()))
        .collect();
    let all = scene.config.settings.len();
    if set.is_empty() {
        return Ok(Finding::ok(format!("all {all} settings have their defaults")));
    }
    Ok(Finding::ok(format!("{} of {all} settings are set: {}", set.len(), set.join(", "))))
}

pub(super) async fn data_dir(scene: &Scene) -> Result<Finding, Finding> {
    let folder = scene.config.data_dir.clone();
    let probe = format!(".inkledger-doctor-{}", scene.ids.uuid());
    blocking(move || look_at_folder(&folder, &probe)).await
}

fn look_at_folder(folder: &Path, probe: &str) -> Finding {
    let shown = folder.display();
    let elsewhere = "let this user write there, or name another folder with INKLEDGER_DATA_DIR";
    if folder.exists() {
        return match try_to_write(folder, probe) {
            Ok(()) => Finding::ok(format!("{shown} may be written")),
            Err(error) => Finding::fail(format!("{shown} cannot be written: {error}"), elsewhere),
        };
    }
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match absolute.ancestors().find(|ancestor| ancestor.exists()) {
        None => Finding::fail(format!("{shown} cannot be made"), elsewhere),
        Some(above) => match try_to_write(above, probe) {
            Ok(()) => Finding::ok(format!("{shown} is not there yet; `inkledger serve` makes it")),
            Err(error) => Finding::fail(format!("{shown} cannot be made in {}: {error}", above.display()), elsewhere),
        },
    }
}

fn try_to_write(folder: &Path, probe: &str) -> io::Result<()> {
    let path = folder.join(probe);
    fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(path)
}

pub(super) async fn signing_key(scene: &Scene) -> Result<Finding, Finding> {
    let path: PathBuf = scene.config.auth.signing_key_file.clone();
    if !path.exists() {
        let text = format!("{} is not there yet; `inkledger serve` makes it", path.display());
        return Err(Finding::skipped(text));
    }
    let ids = std::sync::Arc::clone(&scene.ids);
    let file = path.clone();
    match blocking(move || KeyRing::open_or_create(&file, ids.as_ref())).await? {
        Ok(keys) => Ok(Finding::ok(format!("{} holds the key {}, for its owner only", path.display(), keys.kid()))),
        Err(error) => {
            let remedy = match &error {
                KeyError::TooOpen { path, .. } => format!("chmod 600 {}", path.display()),
                KeyError::Unreadable(_) => "restore it, or remove it to end all sessions".to_owned(),
                KeyError::File { .. } => "let this user read it, or set INKLEDGER_AUTH_SIGNING_KEY_FILE".to_owned(),
            };
            Err(Finding::fail(error.to_string(), remedy))
        }
    }
}
