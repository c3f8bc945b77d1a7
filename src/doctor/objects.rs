//! Where stored objects are: each store is tried with an object of its own, and what rows say is compared with what
//! there are settings for.

use bytes::Bytes;

use super::{Finding, Scene, blocking};
use crate::{
    clock::SECOND,
    storage::{
        ObjectKey, Patience, Place, StorageError, StoreName, chain,
        store::{count_elsewhere, count_late_purges, count_stored, list_some_stored, load_known},
    },
};

/// Objects looked for at either end of the rows of a store.
const SAMPLE: i64 = 10;

/// What to do about bytes that rows name and the store lacks.
const RESTORE: &str = "put the folder or bucket back where it was, or restore it from the backup that goes with the database; \
                       images whose bytes are lost for good can be deleted";

/// How long the bytes of deleted objects may stay.
const PURGE_MAX: i64 = 86_400 * SECOND;

pub(super) async fn folder(scene: &Scene) -> Result<Finding, Finding> {
    let folder = scene.config.data_dir.join("objects");
    match folder.metadata() {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(Finding::fail(format!("{} is no folder", folder.display()), RESTORE)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(absent(scene, &folder).await),
        Err(error) => {
            let remedy = "let this user read the folder `objects` of INKLEDGER_DATA_DIR";
            return Err(Finding::fail(format!("{} cannot be looked at: {error}", folder.display()), remedy));
        }
    }
    let remedy = |_: &StorageError| {
        "let this user write in the folder `objects` of INKLEDGER_DATA_DIR, and see that the disk has room".to_owned()
    };
    let data_dir = scene.config.data_dir.clone();
    let place = blocking(move || Place::local(&data_dir)).await?;
    let place = place.map_err(|error| failed("preparing", &error, remedy))?;
    exercise(scene, &place, remedy).await?;
    Ok(Finding::ok(format!("wrote, read and deleted an object{}", used(scene, StoreName::Local))))
}

/// A folder that is not there: to be made on a fresh installation, lost when rows say that objects lie in it.
async fn absent(scene: &Scene, folder: &std::path::Path) -> Finding {
    let stored = match scene.tables() {
        Ok(db) => count_stored(db.reader(), StoreName::Local.as_str()).await,
        Err(_) => Ok(0),
    };
    match stored {
        Ok(0) => Finding::skipped(format!("{} is not there yet; `inkledger serve` makes it", folder.display())),
        Ok(stored) => {
            Finding::fail(format!("{} is not there, and {stored} objects lie in it", folder.display()), RESTORE)
        }
        Err(error) => unread(error),
    }
}

pub(super) async fn bucket(scene: &Scene) -> Result<Finding, Finding> {
    let Some(options) = &scene.config.storage.s3 else {
        return Err(Finding::skipped("no bucket is set; INKLEDGER_STORAGE_S3_BUCKET and its keys set one"));
    };
    let place = Place::s3(options, Patience::brief()).map_err(|error| failed("preparing", &error, s3_remedy))?;
    exercise(scene, &place, s3_remedy).await?;
    Ok(Finding::ok(format!(
        "wrote, read and deleted an object in the bucket {}{}",
        options.bucket,
        used(scene, StoreName::S3)
    )))
}

fn used(scene: &Scene, name: StoreName) -> &'static str {
    if scene.config.storage.target == name { "; new ones go there" } else { "; only older ones are there" }
}

fn s3_remedy(error: &StorageError) -> String {
    match error {
        StorageError::Denied(_) => {
            "set INKLEDGER_STORAGE_S3_ACCESS_KEY_ID and INKLEDGER_STORAGE_S3_SECRET_ACCESS_KEY to a key that may list, \
             get, put and delete in the bucket, see that INKLEDGER_STORAGE_S3_REGION is the bucket's, and that this \
             machine's clock is right"
        }
        StorageError::NoBucket => "make the bucket, or set INKLEDGER_STORAGE_S3_BUCKET to one that is there",
        _ => {
            "see that INKLEDGER_STORAGE_S3_ENDPOINT is right and can be reached from here, and whether \
             INKLEDGER_STORAGE_S3_PATH_STYLE fits the service"
        }
    }
    .to_owned()
}

fn failed(doing: &str, error: &StorageError, remedy: impl Fn(&StorageError) -> String) -> Finding {
    Finding::fail(format!("{doing} an object failed, {}", chain(error)), remedy(error))
}

/// Writes, reads and deletes an object that no image has.
async fn exercise(scene: &Scene, place: &Place, remedy: impl Fn(&StorageError) -> String) -> Result<(), Finding> {
    let key = ObjectKey::image(scene.ids.uuid(), scene.ids.uuid(), "doctor", "png")
        .map_err(|error| Finding::fail(error.to_string(), "report this with your version"))?;
    let wrote = Bytes::from_static(b"written by inkledger doctor");
    place.put(&key, wrote.clone()).await.map_err(|error| failed("writing", &error, &remedy))?;
    let read = place.get(&key).await;
    // Whatever came of reading, nothing stays.
    let deleted = place.delete(&key).await;
    let read = read.map_err(|error| failed("reading", &error, &remedy))?;
    deleted.map_err(|error| failed("deleting", &error, &remedy))?;
    if read != wrote {
        let text = "an object was read back with other bytes than were written";
        return Err(Finding::fail(text, "check the disk or the service behind the store"));
    }
    Ok(())
}

/// Objects in a store that has no settings here, and deleted ones whose bytes are still there after a day.
pub(super) async fn rows(scene: &Scene) -> Result<Finding, Finding> {
    let db = scene.tables()?;
    let mut stores = vec![StoreName::Local.as_str()];
    stores.extend(scene.config.storage.s3.as_ref().map(|_| StoreName::S3.as_str()));
    let elsewhere = count_elsewhere(db.reader(), &stores).await.map_err(unread)?;
    if elsewhere > 0 {
        return Ok(Finding::fail(
            format!("{elsewhere} objects lie in a store that has no settings here, so nobody can see them"),
            "set INKLEDGER_STORAGE_S3_BUCKET and its keys again; INKLEDGER_STORAGE_STORE=local keeps new ones here",
        ));
    }
    lost(scene).await?;
    let late = count_late_purges(db.reader(), scene.clock.now() - PURGE_MAX).await.map_err(unread)?;
    if late > 0 {
        return Ok(Finding::warn(
            format!("the bytes of {late} deleted objects are still there after a day"),
            "see the checks `objects` and `objects.s3`, and that a process with jobs runs (INKLEDGER_ROLE all or worker)",
        ));
    }
    Ok(Finding::ok("every object lies in a store that is set up, and deleted ones have gone"))
}

fn unread(error: sea_orm::DbErr) -> Finding {
    Finding::fail(format!("the rows of stored objects cannot be read: {error}"), "see the check `database`")
}

/// Looks for some objects that rows name, in every store that can be looked into.
async fn lost(scene: &Scene) -> Result<(), Finding> {
    let mut places = Vec::new();
    // Opening the folder would make it, and a look makes nothing.
    if scene.config.data_dir.join("objects").is_dir() {
        let data_dir = scene.config.data_dir.clone();
        places.extend(blocking(move || Place::local(&data_dir)).await?.ok());
    }
    places.extend(scene.config.storage.s3.as_ref().and_then(|options| Place::s3(options, Patience::brief()).ok()));
    for place in places {
        lost_in(scene, &place).await?;
    }
    Ok(())
}

async fn lost_in(scene: &Scene, place: &Place) -> Result<(), Finding> {
    let (reader, store) = (scene.tables()?.reader(), place.name().as_str());
    let keys = list_some_stored(reader, store, SAMPLE).await.map_err(unread)?;
    let mut missing = Vec::new();
    for key in &keys {
        let Ok(parsed) = key.parse::<ObjectKey>() else { continue };
        match place.exists(&parsed).await {
            Ok(true) => {}
            Ok(false) => missing.push(key.as_str()),
            // What the store itself lacks is told by its own check.
            Err(_) => return Ok(()),
        }
    }
    // One that was deleted meanwhile has no row any more.
    let known = load_known(reader, store, &missing).await.map_err(unread)?;
    let Some(first) = missing.iter().find(|key| known.contains(**key)) else { return Ok(()) };
    let text =
        format!("{} of {} objects looked for in `{store}` are not there, such as {first}", known.len(), keys.len());
    Err(Finding::fail(text, RESTORE))
}
