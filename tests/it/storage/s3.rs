//! A bucket on a real S3 server, without ours around it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use inkledger::storage::{ObjectKey, Place, S3Options, Storage, StorageError, StorageOptions, StoreName, chain};
use reqwest::StatusCode;
use secrecy::SecretString;
use uuid::Uuid;

use super::key;
use crate::support::s3_server::{S3Server, quick};

fn place(options: &S3Options) -> Place {
    Place::s3(options, quick()).unwrap()
}

async fn keys(place: &Place) -> Vec<ObjectKey> {
    let listed: Vec<_> = place.list_images().try_collect().await.unwrap();
    let mut keys: Vec<_> = listed.into_iter().filter_map(|object| object.key).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn stores_reads_lists_replaces_and_deletes_in_a_bucket() {
    let server = S3Server::start().await;
    let place = server.place();
    let (one, two) = (key(1, "original"), key(2, "w320"));
    assert!(!place.exists(&one).await.unwrap());
    assert!(matches!(place.get(&one).await, Err(StorageError::NotFound)));

    // Large enough for several frames.
    let bytes = Bytes::from((0..3_000_000_u32).map(|at| at as u8).collect::<Vec<_>>());
    place.put(&one, Bytes::from_static(b"first")).await.unwrap();
    place.put(&one, bytes.clone()).await.unwrap();
    place.put(&two, Bytes::from_static(b"small")).await.unwrap();
    assert_eq!(place.get(&one).await.unwrap(), bytes);
    assert_eq!(std::fs::read(server.file(&one)).unwrap(), bytes);
    assert_eq!(keys(&place).await, [one.clone(), two.clone()]);

    place.delete(&one).await.unwrap();
    place.delete(&one).await.unwrap();
    assert!(!place.exists(&one).await.unwrap());
    assert_eq!(keys(&place).await, [two]);
}

#[tokio::test]
async fn a_listing_goes_on_beyond_the_first_page() {
    let server = S3Server::start().await;
    let folder = server.file(&key(0, "original")).parent().unwrap().parent().unwrap().to_owned();
    for no in 1..=1_100 {
        let folder = folder.join(Uuid::from_u128(no).to_string());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("original.png"), b"x").unwrap();
    }
    std::fs::write(folder.join("notes.txt"), b"none of ours").unwrap();
    let listed: Vec<_> = server.place().list_images().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1_101);
    assert_eq!(listed.iter().filter(|object| object.key.is_none()).count(), 1);
}

// REQ-A-35
#[tokio::test]
async fn a_presigned_address_opens_its_object_alone_until_it_expires() {
    let server = S3Server::start().await;
    let place = server.place();
    let (shown, other) = (key(1, "original"), key(2, "original"));
    place.put(&shown, Bytes::from_static(b"shown")).await.unwrap();
    place.put(&other, Bytes::from_static(b"other")).await.unwrap();
    let url = place.presigned(&shown, 2).await.unwrap().unwrap();
    let signed_at = Instant::now();
    let answer = reqwest::get(&url).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.bytes().await.unwrap().as_ref(), b"shown");
    let elsewhere = url.replace(shown.as_str(), other.as_str());
    let longer = url.replace("X-Amz-Expires=2&", "X-Amz-Expires=3600&");
    let bare = url.split('?').next().unwrap();
    assert!(elsewhere != url && longer != url);
    for refused in [elsewhere.as_str(), longer.as_str(), bare] {
        assert_eq!(reqwest::get(refused).await.unwrap().status(), StatusCode::FORBIDDEN, "{refused}");
    }
    tokio::time::sleep_until((signed_at + Duration::from_millis(3_100)).into()).await;
    assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::FORBIDDEN, "it has expired");
    let long = place.presigned(&shown, u32::MAX).await.unwrap().unwrap();
    assert!(long.contains("X-Amz-Expires=3600&"), "never longer than an hour: {long}");
}

#[tokio::test]
async fn addresses_are_signed_for_the_host_that_browsers_see() {
    let server = S3Server::start().await;
    let public = S3Options { public_endpoint: Some("https://img.example.com".to_owned()), ..server.options() };
    let url = place(&public).presigned(&key(1, "original"), 60).await.unwrap().unwrap();
    assert!(url.starts_with("https://img.example.com/ink-images/images/"), "{url}");
    // A signature holds for one host: the same one by another name is no longer genuine.
    let public =
        S3Options { public_endpoint: Some(format!("http://localhost:{}", server.address.port())), ..server.options() };
    let place = place(&public);
    place.put(&key(1, "original"), Bytes::from_static(b"shown")).await.unwrap();
    let url = place.presigned(&key(1, "original"), 60).await.unwrap().unwrap();
    assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::OK);
    let renamed = url.replace("localhost", "127.0.0.1");
    assert_eq!(reqwest::get(&renamed).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn installations_with_a_prefix_each_share_a_bucket() {
    let server = S3Server::start().await;
    let with = |prefix: &str| place(&S3Options { prefix: Some(prefix.to_owned()), ..server.options() });
    let (one, two) = (with("ink/one"), with("ink/two"));
    one.put(&key(1, "original"), Bytes::from_static(b"one")).await.unwrap();
    two.put(&key(1, "original"), Bytes::from_static(b"two")).await.unwrap();
    two.put(&key(2, "original"), Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(one.get(&key(1, "original")).await.unwrap().as_ref(), b"one");
    assert_eq!(keys(&one).await, [key(1, "original")]);
    assert_eq!(keys(&two).await, [key(1, "original"), key(2, "original")]);
    two.delete(&key(1, "original")).await.unwrap();
    assert!(one.exists(&key(1, "original")).await.unwrap());
    let url = one.presigned(&key(1, "original"), 60).await.unwrap().unwrap();
    assert_eq!(reqwest::get(url).await.unwrap().bytes().await.unwrap().as_ref(), b"one");
}

#[tokio::test]
async fn says_what_is_wrong_and_never_with_a_credential() {
    let mut server = S3Server::start().await;
    let (one, bytes) = (key(1, "original"), Bytes::from_static(b"x"));
    let stranger = S3Options { secret_access_key: SecretString::from("other-secret-canary"), ..server.options() };
    let nobody = S3Options { access_key_id: SecretString::from("nobody"), ..server.options() };
    for options in [stranger, nobody] {
        let place = place(&options);
        let refused = [place.put(&one, bytes.clone()).await, place.get(&one).await.map(|_| ()), place.probe().await];
        for refused in refused {
            let error = refused.unwrap_err();
            assert!(matches!(error, StorageError::Denied(_)), "{error:?}");
            assert!(!chain(&error).contains("canary"), "{}", chain(&error));
        }
    }
    let elsewhere = place(&S3Options { bucket: "no-such-bucket".to_owned(), ..server.options() });
    assert!(matches!(elsewhere.put(&one, bytes.clone()).await, Err(StorageError::NoBucket)));

    server.place().put(&one, bytes.clone()).await.unwrap();
    server.stop().await;
    let place = server.place();
    let began = Instant::now();
    let refused = [place.put(&one, bytes.clone()).await, place.get(&one).await.map(|_| ()), place.delete(&one).await];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
        assert!(!chain(&error).contains("canary"), "{}", chain(&error));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "retries have an end");
    server.restart().await;
    assert_eq!(place.get(&one).await.unwrap(), bytes);
}

#[tokio::test]
async fn new_objects_go_to_the_store_of_the_settings_and_old_ones_stay_where_they_are() {
    let server = S3Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (key(1, "original"), key(2, "original"));
    Storage::local(folder.path()).unwrap().put(&old, Bytes::from_static(b"old")).await.unwrap();
    let both = Storage::open(folder.path(), &server.storage(), quick()).unwrap();
    both.put(&new, Bytes::from_static(b"new")).await.unwrap();
    assert_eq!((both.name(), both.places().count()), ("s3", 2));
    assert_eq!(both.get_from("local", &old).await.unwrap().as_ref(), b"old");
    assert_eq!(both.get_from("s3", &new).await.unwrap().as_ref(), b"new");
    let back = StorageOptions { target: StoreName::Local, s3: Some(server.options()) };
    let back = Storage::open(folder.path(), &back, quick()).unwrap();
    assert_eq!(back.name(), "local");
    assert_eq!(back.get_from("s3", &new).await.unwrap().as_ref(), b"new");
    let alone = Storage::local(folder.path()).unwrap();
    assert!(matches!(alone.get_from("s3", &new).await, Err(StorageError::NotConfigured(_))));
}
