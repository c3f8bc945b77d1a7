//! Stored objects on a real file system and on a real S3 server; files on their way in.

mod s3;
mod serve;
mod sweep;
mod upload;

use bytes::Bytes;
use inkledger::storage::{ObjectKey, Storage, StorageError};
use uuid::Uuid;

fn key(no: u128, variant: &str) -> ObjectKey {
    ObjectKey::image(Uuid::from_u128(1), Uuid::from_u128(no), variant, "png").unwrap()
}

#[tokio::test]
async fn stores_reads_replaces_and_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(&folder.path().join("not/yet/there")).unwrap();
    let original = key(1, "original");
    assert!(!storage.exists(&original).await.unwrap());
    assert!(matches!(storage.get(&original).await, Err(StorageError::NotFound)));

    storage.put(&original, Bytes::from_static(b"first")).await.unwrap();
    assert!(storage.exists(&original).await.unwrap());
    assert_eq!(storage.get(&original).await.unwrap().as_ref(), b"first");
    storage.put(&original, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(storage.get(&original).await.unwrap().as_ref(), b"second");
    assert!(!storage.exists(&key(1, "w320")).await.unwrap());

    storage.delete(&original).await.unwrap();
    storage.delete(&original).await.unwrap();
    assert!(!storage.exists(&original).await.unwrap());
    assert_eq!(storage.name(), "local");
}

#[tokio::test]
async fn objects_outlive_the_store_and_lie_where_their_key_says() {
    let folder = tempfile::tempdir().unwrap();
    let original = key(2, "original");
    Storage::local(folder.path()).unwrap().put(&original, Bytes::from_static(b"kept")).await.unwrap();
    let file = folder.path().join("objects").join(original.as_str());
    assert_eq!(std::fs::read(file).unwrap(), b"kept");
    assert_eq!(Storage::local(folder.path()).unwrap().get(&original).await.unwrap().as_ref(), b"kept");
}

#[tokio::test]
async fn a_reader_never_sees_part_of_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    let original = key(3, "original");
    storage.put(&original, Bytes::from(vec![0; 1 << 20])).await.unwrap();
    let writer = tokio::spawn({
        let (storage, original) = (storage.clone(), original.clone());
        async move {
            for value in 1..=20_u8 {
                storage.put(&original, Bytes::from(vec![value; 1 << 20])).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let bytes = storage.get(&original).await.unwrap();
        assert!(bytes.len() == 1 << 20 && bytes.iter().all(|byte| *byte == bytes[0]));
    }
    writer.await.unwrap();
    let folder = folder.path().join("objects").join(original.as_str());
    assert_eq!(std::fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1, "no staged file is left");
}

#[cfg(unix)]
#[tokio::test]
async fn the_object_folder_is_private_and_a_store_that_cannot_write_says_so() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    let mode = std::fs::metadata(folder.path().join("objects")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    // A file where a folder must be: fails for root too, unlike permissions.
    std::fs::write(folder.path().join("objects/images"), b"in the way").unwrap();
    let refused = storage.put(&key(4, "original"), Bytes::from_static(b"x")).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))));
    let file = folder.path().join("file");
    std::fs::write(&file, b"no folder").unwrap();
    assert!(matches!(Storage::local(&file), Err(StorageError::Folder(_))));
}
