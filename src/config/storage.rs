//! Settings of the object stores.

use std::net::IpAddr;

use super::{sources::ConfigError, typed::Reader};
use crate::storage::{S3Options, StorageOptions, StoreName};

/// Checks the settings of the stores. S3 is there when its bucket is named; then the rest must be, too.
pub(super) fn read(read: &Reader<'_>) -> Result<StorageOptions, ConfigError> {
    let target = read.choice("storage.store", &[("local", StoreName::Local), ("s3", StoreName::S3)])?;
    let s3 = match read.optional("storage.s3.bucket")? {
        None if target == StoreName::S3 => {
            return Err(read.invalid("storage.s3.bucket", "the name of a bucket, since storage.store is s3"));
        }
        None => None,
        Some(bucket) => Some(s3(read, bucket)?),
    };
    Ok(StorageOptions { target, s3 })
}

fn s3(read: &Reader<'_>, bucket: String) -> Result<S3Options, ConfigError> {
    let named = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (1..=255).contains(&text.len()) && text.chars().all(plain)
    };
    if !named(&bucket) {
        return Err(read.invalid("storage.s3.bucket", "the name of a bucket: letters, digits, `.`, `-` and `_`"));
    }
    let prefix = read.optional("storage.s3.prefix")?.map(|text| text.trim_start_matches('/').to_owned());
    if let Some(prefix) = &prefix
        && !prefix.split('/').all(|part| named(part) && part.chars().any(|c| c != '.'))
    {
        let expected = "parts of letters, digits, `.`, `-` and `_` with `/` between them";
        return Err(read.invalid("storage.s3.prefix", expected));
    }
    let key = |name: &'static str| {
        read.secret(name)?
            .ok_or_else(|| read.invalid(name, "the access key of the bucket, since storage.s3.bucket is set"))
    };
    let allow_http = read.switch("storage.s3.allow_http")?;
    Ok(S3Options {
        endpoint: endpoint(read, "storage.s3.endpoint", allow_http)?,
        public_endpoint: endpoint(read, "storage.s3.public_endpoint", allow_http)?,
        region: read.optional("storage.s3.region")?.ok_or_else(|| {
            read.invalid("storage.s3.region", "a region; services without regions take us-east-1 or auto")
        })?,
        bucket,
        prefix,
        path_style: read.switch("storage.s3.path_style")?,
        access_key_id: key("storage.s3.access_key_id")?,
        secret_access_key: key("storage.s3.secret_access_key")?,
    })
}

/// An address without path, query or credentials; without TLS only on this machine or when that is said.
fn endpoint(read: &Reader<'_>, key: &'static str, allow_http: bool) -> Result<Option<String>, ConfigError> {
    let Some(text) = read.optional(key)? else { return Ok(None) };
    let expected = "an address such as https://s3.example.com, without path or credentials";
    let url = reqwest::Url::parse(&text).map_err(|_| read.invalid(key, expected))?;
    let host = url.host_str().unwrap_or_default();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if host.is_empty() || !bare || url.password().is_some() || !matches!(url.scheme(), "http" | "https") {
        return Err(read.invalid(key, expected));
    }
    if url.scheme() == "http" && !allow_http && !is_loopback(host) {
        let expected =
            "https://…: without TLS anybody on the way reads the images. If that is meant, set storage.s3.allow_http";
        return Err(read.invalid(key, expected));
    }
    Ok(Some(text))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, resolve};
    use super::*;

    fn read_of(more: &[(&str, &str)]) -> Result<StorageOptions, String> {
        let flags: Vec<(String, String)> =
            more.iter().map(|(key, value)| (format!("storage.{key}"), (*value).to_owned())).collect();
        Config::from_resolved(&resolve(&flags, None).unwrap()).map(|config| config.storage).map_err(|e| e.to_string())
    }

    const KEYS: [(&str, &str); 4] =
        [("store", "s3"), ("s3.bucket", "ink"), ("s3.access_key_id", "id"), ("s3.secret_access_key", "secret-canary")];

    #[test]
    fn the_default_is_the_folder_and_s3_needs_bucket_and_keys() {
        let options = read_of(&[]).unwrap();
        assert!(options.target == StoreName::Local && options.s3.is_none());
        for missing in KEYS.iter().skip(1) {
            let some: Vec<_> = KEYS.iter().filter(|pair| *pair != missing).copied().collect();
            let refused = read_of(&some).unwrap_err();
            assert!(refused.contains(&format!("storage.{}", missing.0)), "{refused}");
            assert!(!refused.contains("canary"), "{refused}");
        }
        let options = read_of(&KEYS).unwrap();
        assert_eq!(options.target, StoreName::S3);
        // Older objects may lie there although new ones go to the folder.
        assert!(read_of(&KEYS[1..]).unwrap().s3.is_some());
    }

    #[test]
    fn plain_http_needs_this_machine_or_a_word() {
        let with = |more: &[(&'static str, &'static str)]| read_of(&[&KEYS[..], more].concat());
        for good in ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000", "https://s3.example.com"] {
            assert!(with(&[("s3.endpoint", good)]).is_ok(), "{good}");
        }
        for bad in [
            "http://s3.example.com",
            "http://10.0.0.7:9000",
            "http://localhost.example.com",
            "https://u:p@s3.example.com",
            "https://s3.example.com/bucket",
            "ftp://s3.example.com",
            "s3.example.com",
        ] {
            assert!(with(&[("s3.endpoint", bad)]).unwrap_err().contains("storage.s3.endpoint"), "{bad}");
        }
        assert!(with(&[("s3.endpoint", "http://10.0.0.7:9000"), ("s3.allow_http", "true")]).is_ok());
    }

    #[test]
    fn a_prefix_leads_nowhere_else() {
        let with = |prefix| read_of(&[&KEYS[..], &[("s3.prefix", prefix)]].concat());
        assert_eq!(with("/ink/prod/").unwrap().s3.unwrap().prefix.as_deref(), Some("ink/prod"));
        for bad in ["..", "a/../b", "a//b", "a b", "ä"] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }
}
