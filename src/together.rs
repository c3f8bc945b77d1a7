//! Reads that many ask for at the same time, done together: whatever is asked for while one read runs goes into the next. There is
//! no timer, so a lone question is answered at once. Nothing is kept: each question is answered by a read that began after it.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    panic::AssertUnwindSafe,
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::error::{Error, Internal};

/// Questions that wait for a place; more wait at the door.
const WAITING_MAX: usize = 4_096;

/// A read that takes longer is given up, so that a connection that went silent does not keep everybody waiting.
const PATIENCE: Duration = Duration::from_secs(5);

type Found<K, V> = Result<HashMap<K, V>, Error>;

struct Question<K, V> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>, Error>>,
}

/// Answers questions by reading for many of them at once. Cloning is cheap; its reader ends with the last clone.
pub struct Together<K, V>(mpsc::Sender<Question<K, V>>);

impl<K, V> Clone for Together<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Together<K, V>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// One read runs at a time, so that most go together, for at most `most` questions; a key that `read` does not answer has no
    /// value.
    pub fn start(
        most: usize,
        read: impl Fn(Vec<K>) -> BoxFuture<'static, Found<K, V>> + Send + Sync + 'static,
    ) -> Self {
        let (questions, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(answer(waiting, most.max(1), read));
        Self(questions)
    }

    /// The value of `key`, as it was at some moment after the call.
    pub async fn ask(&self, key: K) -> Result<Option<V>, Error> {
        let (answer, answered) = oneshot::channel();
        let gone = |what: String| Internal::new("asking together with others", what);
        self.0.send(Question { key, answer }).await.map_err(|error| gone(error.to_string()))?;
        answered.await.map_err(|error| gone(error.to_string()))?
    }
}

async fn answer<K, V>(
    mut waiting: mpsc::Receiver<Question<K, V>>,
    most: usize,
    read: impl Fn(Vec<K>) -> BoxFuture<'static, Found<K, V>>,
) where
    K: Copy + Eq + Hash,
    V: Clone,
{
    let mut questions = Vec::new();
    while waiting.recv_many(&mut questions, most).await > 0 {
        // Whoever is about to ask goes along: under load a read costs more than its questions.
        tokio::task::yield_now().await;
        while questions.len() < most
            && let Ok(question) = waiting.try_recv()
        {
            questions.push(question);
        }
        let keys: HashSet<K> = questions.iter().map(|question| question.key).collect();
        let reading = AssertUnwindSafe(async { read(keys.into_iter().collect()).await }).catch_unwind();
        let found = match timeout(PATIENCE, reading).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(Internal::new("reading for many", "a panic").into()),
            Err(late) => Err(Internal::new("reading for many", late).into()),
        };
        for Question { key, answer } in questions.drain(..) {
            // Whoever asked may be gone.
            let _ = answer.send(found.as_ref().map(|found| found.get(&key).cloned()).map_err(Clone::clone));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn doubled(reads: Arc<AtomicUsize>) -> Together<u32, u32> {
        Together::start(8, move |keys: Vec<u32>| {
            let reads = Arc::clone(&reads);
            async move {
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                assert!(!keys.contains(&13), "the reader panics");
                if keys.contains(&17) {
                    futures_util::future::pending::<()>().await;
                }
                if keys.contains(&7) {
                    return Err(Error::NotFound);
                }
                Ok(keys.into_iter().filter(|key| *key < 100).map(|key| (key, key * 2)).collect())
            }
            .boxed()
        })
    }

    #[tokio::test]
    async fn what_is_asked_while_one_read_runs_goes_into_the_next() {
        let reads = Arc::new(AtomicUsize::new(0));
        let together = doubled(Arc::clone(&reads));
        assert_eq!(together.ask(4).await.unwrap(), Some(8));
        assert_eq!(together.ask(400).await.unwrap(), None);
        let before = reads.load(Ordering::SeqCst);
        let answers = futures_util::future::join_all((20..36).map(|key| together.ask(key))).await;
        let answers: Vec<Option<u32>> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (20..36).map(|key| Some(key * 2)).collect::<Vec<_>>());
        assert!(reads.load(Ordering::SeqCst) - before <= 3, "sixteen questions in reads of eight");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_fails_panics_or_never_ends_fails_its_own_questions_and_no_later_one() {
        let together = doubled(Arc::default());
        assert!(matches!(together.ask(7).await, Err(Error::NotFound)));
        assert!(matches!(together.ask(13).await, Err(Error::Internal(_))));
        assert!(matches!(together.ask(17).await, Err(Error::Internal(_))));
        assert_eq!(together.ask(5).await.unwrap(), Some(10));
    }
}
