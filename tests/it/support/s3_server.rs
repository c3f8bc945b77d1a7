//! An S3 server in this process, on a port of its own: signatures, presigned addresses and their expiry are checked as
//! the protocol says. It can go down and come back at the same address.

use std::{net::SocketAddr, path::Path, pin::Pin, time::Duration};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use inkledger::storage::{ObjectKey, Patience, Place, S3Options, StorageOptions, StoreName};
use s3s::{
    S3Result,
    access::{S3Access, S3AccessContext},
    auth::SimpleAuth,
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

const BUCKET: &str = "ink-images";
const KEY_ID: &str = "ink-test-key";
const SECRET: &str = "ink-test-secret-canary";

/// Whoever has signed may do anything in the one bucket; the file system behind it would make any other.
struct OneBucket;

// As `async_trait` would write it, which is no dependency of ours.
impl S3Access for OneBucket {
    fn check<'s, 'm, 'c, 'f>(
        &'s self,
        context: &'m mut S3AccessContext<'c>,
    ) -> Pin<Box<dyn Future<Output = S3Result<()>> + Send + 'f>>
    where
        's: 'f,
        'm: 'f,
        'c: 'f,
        Self: 'f,
    {
        let judged = match (context.credentials(), context.s3_path().get_bucket_name()) {
            (None, _) => Err(s3_error!(AccessDenied)),
            (Some(_), Some(BUCKET)) => Ok(()),
            (Some(_), _) => Err(s3_error!(NoSuchBucket)),
        };
        Box::pin(std::future::ready(judged))
    }
}

pub struct S3Server {
    pub address: SocketAddr,
    folder: TempDir,
    service: S3Service,
    task: Option<JoinHandle<()>>,
}

impl S3Server {
    /// A server with one bucket.
    pub async fn start() -> Self {
        super::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        builder.set_access(OneBucket);
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Self { address, folder, service, task: None };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let service = self.service.clone();
        self.task = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
                connections.spawn(async move {
                    let _ = connection.await;
                });
            }
        }));
    }

    /// Goes down with every connection.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Comes back at the same address.
    pub async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    /// How to reach it.
    pub fn options(&self) -> S3Options {
        S3Options {
            endpoint: Some(format!("http://{}", self.address)),
            public_endpoint: None,
            region: "us-east-1".to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: None,
            path_style: true,
            access_key_id: SecretString::from(KEY_ID),
            secret_access_key: SecretString::from(SECRET),
        }
    }

    /// New objects go there.
    pub fn storage(&self) -> StorageOptions {
        StorageOptions { target: StoreName::S3, s3: Some(self.options()) }
    }

    /// The settings of a process that uses it.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("storage.store", "s3".to_owned()),
            ("storage.s3.endpoint", format!("http://{}", self.address)),
            ("storage.s3.bucket", BUCKET.to_owned()),
            ("storage.s3.access_key_id", KEY_ID.to_owned()),
            ("storage.s3.secret_access_key", SECRET.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    pub fn place(&self) -> Place {
        Place::s3(&self.options(), quick()).unwrap()
    }

    /// The file behind an object.
    pub fn file(&self, key: &ObjectKey) -> std::path::PathBuf {
        self.folder.path().join(BUCKET).join(key.as_str())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// One retry, at once.
pub fn quick() -> Patience {
    Patience { request: Duration::from_secs(5), retries: 1, retrying: Duration::from_secs(2), ..Patience::default() }
}
