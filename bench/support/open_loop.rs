//! Requests at a fixed rate, whether or not those before have been answered; each is timed from when it was due.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// How long requests took, sorted.
#[derive(Clone)]
pub struct Spread(Vec<Duration>);

impl Spread {
    /// Of at least one request.
    pub fn new(mut took: Vec<Duration>) -> Self {
        assert!(!took.is_empty(), "nothing was measured");
        took.sort_unstable();
        Self(took)
    }

    /// The time within which so many of a hundred were answered.
    pub fn percentile(&self, of_100: usize) -> Duration {
        self.0[(self.0.len() * of_100).div_ceil(100).max(1) - 1]
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self::new(self.0.into_iter().chain(other.0).collect())
    }
}

/// Milliseconds with one decimal.
pub fn ms(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}

impl fmt::Display for Spread {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, worst] = [50, 95, 99].map(|of_100| ms(self.percentile(of_100)));
        write!(to, "{half} / {most} / {worst} ms")
    }
}

/// Makes `count` requests, `per_second` of them in a second.
pub async fn at_rate<F, Fut>(per_second: u32, count: u32, request: F) -> Spread
where
    F: Fn(u32) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let began = Instant::now();
    let mut under_way = Vec::new();
    for number in 0..count {
        let due = began + Duration::from_secs(1) * number / per_second;
        tokio::time::sleep_until(due.into()).await;
        let asked = request(number);
        under_way.push(tokio::spawn(async move {
            asked.await;
            due.elapsed()
        }));
    }
    let mut took = Vec::new();
    for one in under_way {
        took.push(one.await.unwrap());
    }
    Spread::new(took)
}
