//! An S3-compatible store: AWS, R2, MinIO and their like. It speaks HTTP through `wire`, so that no second HTTP client
//! is built, and it never puts a credential into an error or a log line.

use std::{fmt, time::Duration};

use object_store::{
    BackoffConfig, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
};
use secrecy::{ExposeSecret, SecretString};

use super::{StorageError, wire::Connector};

/// Where an S3-compatible store is and who we are there.
#[derive(Clone)]
pub struct S3Options {
    /// The service's address without the bucket, such as `https://s3.example.com`; `None` is AWS in `region`.
    pub endpoint: Option<String>,
    /// The address that browsers reach the same service by, where it is another one.
    pub public_endpoint: Option<String>,
    /// The region that signatures name.
    pub region: String,
    /// The bucket; it must be there.
    pub bucket: String,
    /// What stands before every key, without a slash at either end.
    pub prefix: Option<String>,
    /// Whether the bucket stands in the path instead of the host name.
    pub path_style: bool,
    /// The access key's id.
    pub access_key_id: SecretString,
    /// The access key's secret.
    pub secret_access_key: SecretString,
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Options")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// How long the store may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For connecting, TLS included.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub read: Duration,
    /// For one request with all its bytes.
    pub request: Duration,
    /// Further tries after a refused connection, a lost one, a 5xx or a time-out.
    pub retries: usize,
    /// After this long no further try begins.
    pub retrying: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(15),
            request: Duration::from_secs(60),
            retries: 2,
            retrying: Duration::from_secs(20),
        }
    }
}

impl Patience {
    /// For somebody who waits for the answer: one try.
    #[must_use]
    pub fn brief() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(4),
            request: Duration::from_secs(4),
            retries: 0,
            retrying: Duration::from_secs(4),
        }
    }
}

/// The store as we reach it, and as browsers do, which only signs addresses. Sends nothing.
pub(super) fn open(options: &S3Options, patience: Patience) -> Result<(AmazonS3, AmazonS3), StorageError> {
    let connector = Connector::new(patience)?;
    let store = build(options, options.endpoint.as_deref(), patience, connector.clone())?;
    let outward = options.public_endpoint.as_deref().or(options.endpoint.as_deref());
    Ok((store, build(options, outward, patience, connector)?))
}

fn build(
    options: &S3Options,
    endpoint: Option<&str>,
    patience: Patience,
    connector: Connector,
) -> Result<AmazonS3, StorageError> {
    let mut builder = AmazonS3Builder::new()
        .with_region(&options.region)
        .with_bucket_name(&options.bucket)
        .with_access_key_id(options.access_key_id.expose_secret())
        .with_secret_access_key(options.secret_access_key.expose_secret())
        .with_virtual_hosted_style_request(!options.path_style)
        // Whether plain HTTP is acceptable was judged with the settings.
        .with_allow_http(true)
        // One DELETE an object: several compatible services lack the bulk request, or want other checksums with it.
        .with_disable_bulk_delete(true)
        .with_disable_tagging(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                ..BackoffConfig::default()
            },
            max_retries: patience.retries,
            retry_timeout: patience.retrying,
        })
        .with_http_connector(connector);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(place(endpoint, options));
    }
    builder.build().map_err(StorageError::Settings)
}

/// In the other style the library wants the bucket to stand in the host name already.
fn place(endpoint: &str, options: &S3Options) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if !options.path_style => format!("{scheme}://{}.{host}", options.bucket),
        _ => endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(path_style: bool) -> S3Options {
        S3Options {
            endpoint: Some("https://s3.example.com:9000".to_owned()),
            public_endpoint: None,
            region: "eu-central-1".to_owned(),
            bucket: "ink".to_owned(),
            prefix: None,
            path_style,
            access_key_id: SecretString::from("id-canary"),
            secret_access_key: SecretString::from("secret-canary"),
        }
    }

    #[test]
    fn the_bucket_stands_in_the_host_or_in_the_path() {
        let of = |path_style| place("https://s3.example.com:9000", &options(path_style));
        assert_eq!(of(true), "https://s3.example.com:9000");
        assert_eq!(of(false), "https://ink.s3.example.com:9000");
    }

    #[test]
    fn shows_no_credential() {
        let shown = format!("{:?}", options(true));
        assert!(shown.contains("ink") && !shown.contains("canary"), "{shown}");
    }
}
