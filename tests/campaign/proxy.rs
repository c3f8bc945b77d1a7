//! A proxy in front of PostgreSQL that breaks the ledger's own connections at a chosen byte (H3).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};
use tokio_util::sync::CancellationToken;

/// How the next connection of a lane breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// COMMIT goes on and takes effect, the connection ends with its answer unread.
    LoseCommitAnswer,
    /// COMMIT goes on, and the connection ends at once.
    CutAfterCommit,
    /// COMMIT never arrives.
    CutBeforeCommit,
    /// It ends after so many bytes of requests.
    CutRequests(usize),
    /// It ends after so many bytes of answers.
    CutAnswers(usize),
}

/// Connections of a lane say so when they begin: nobody else turns scans off.
const LANE: &[u8] = b"enable_seqscan";

const COMMIT: &[u8] = b"COMMIT\0";

#[derive(Default)]
struct Plan {
    next: Mutex<Vec<Fault>>,
    fired: AtomicU64,
    is_shut: AtomicBool,
}

pub struct Proxy {
    /// The same database, through the proxy.
    pub url: String,
    plan: Arc<Plan>,
    ending: CancellationToken,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

impl Proxy {
    pub async fn start(url: &str) -> Self {
        let server: PgConnectOptions = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (user, database) = (server.get_username(), server.get_database().unwrap());
        // The bytes of COMMIT must be seen.
        let url = format!("postgres://{user}@{}/{database}?sslmode=disable", listener.local_addr().unwrap());
        let (plan, ending) = (Arc::<Plan>::default(), CancellationToken::new());
        let (with, until) = (Arc::clone(&plan), ending.clone());
        tokio::spawn(until.clone().run_until_cancelled_owned(async move {
            while let Ok((client, _)) = listener.accept().await {
                if with.is_shut.load(Ordering::SeqCst) {
                    continue;
                }
                let (plan, server, until) = (Arc::clone(&with), server.clone(), until.clone());
                tokio::spawn(until.run_until_cancelled_owned(async move {
                    // Its end is told by the connection's.
                    let _ = connect(client, &server, &plan).await;
                }));
            }
        }));
        Self { url, plan, ending }
    }

    /// Has lanes break so from now on, one fault after the other.
    pub fn arm(&self, mut faults: Vec<Fault>) {
        faults.reverse();
        *self.plan.next.lock().unwrap() = faults;
    }

    /// Lets no new connection through, or does so again.
    pub fn shut(&self, is_shut: bool) {
        self.plan.is_shut.store(is_shut, Ordering::SeqCst);
    }

    /// Ends that; how many faults there were since the last time.
    pub fn disarm(&self) -> u64 {
        self.plan.next.lock().unwrap().clear();
        self.plan.fired.swap(0, Ordering::SeqCst)
    }
}

async fn connect(mut client: TcpStream, server: &PgConnectOptions, plan: &Plan) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let length = client.read_u32().await?;
    let mut first = vec![0; usize::try_from(length).unwrap().saturating_sub(4)];
    client.read_exact(&mut first).await?;
    let is_lane = first.windows(LANE.len()).any(|part| part == LANE);
    let mut start = length.to_be_bytes().to_vec();
    start.extend(first);
    if let Some(folder) = server.get_socket() {
        let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
        pass(client, UnixStream::connect(path).await?, &start, is_lane.then_some(plan)).await
    } else {
        let stream = TcpStream::connect((server.get_host(), server.get_port())).await?;
        stream.set_nodelay(true)?;
        pass(client, stream, &start, is_lane.then_some(plan)).await
    }
}

/// What happens to some bytes.
enum Fate {
    Pass,
    /// Only so many go on, then the connection ends.
    Cut(usize),
    /// They go on, and the answer to them is read and lost.
    LoseAnswer,
}

impl Plan {
    fn requests(&self, bytes: &[u8]) -> Fate {
        let is_commit = || bytes.windows(COMMIT.len()).any(|part| part == COMMIT);
        self.judge(|fault| match fault {
            Fault::LoseCommitAnswer if is_commit() => Some(Fate::LoseAnswer),
            Fault::CutAfterCommit if is_commit() => Some(Fate::Cut(bytes.len())),
            Fault::CutBeforeCommit if is_commit() => Some(Fate::Cut(0)),
            Fault::CutRequests(left) => count(left, bytes.len()),
            _ => None,
        })
    }

    fn answers(&self, bytes: &[u8]) -> Fate {
        self.judge(|fault| if let Fault::CutAnswers(left) = fault { count(left, bytes.len()) } else { None })
    }

    fn judge(&self, of: impl FnOnce(&mut Fault) -> Option<Fate>) -> Fate {
        let mut next = self.next.lock().unwrap();
        let Some(fate) = next.last_mut().and_then(of) else { return Fate::Pass };
        next.pop();
        self.fired.fetch_add(1, Ordering::SeqCst);
        fate
    }
}

fn count(left: &mut usize, bytes: usize) -> Option<Fate> {
    if *left <= bytes {
        return Some(Fate::Cut(*left));
    }
    *left -= bytes;
    None
}

/// Passes bytes both ways until one side ends or a fault says so; both ends are closed then.
async fn pass<S>(mut client: TcpStream, server: S, start: &[u8], plan: Option<&Plan>) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut answers, mut requests) = tokio::io::split(server);
    let (mut from, mut to) = client.split();
    requests.write_all(start).await?;
    let (mut asked, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut is_lost = false;
    loop {
        tokio::select! {
            read = from.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                match plan.map_or(Fate::Pass, |plan| plan.requests(bytes)) {
                    Fate::Pass => requests.write_all(bytes).await?,
                    Fate::Cut(count) => return requests.write_all(&bytes[..count]).await,
                    Fate::LoseAnswer => {
                        requests.write_all(bytes).await?;
                        is_lost = true;
                    }
                }
            }
            read = answers.read(&mut answered) => {
                let bytes = &answered[..read?];
                if bytes.is_empty() || is_lost {
                    return Ok(());
                }
                match plan.map_or(Fate::Pass, |plan| plan.answers(bytes)) {
                    Fate::Cut(count) => return to.write_all(&bytes[..count]).await,
                    Fate::Pass | Fate::LoseAnswer => to.write_all(bytes).await?,
                }
            }
        }
    }
}
