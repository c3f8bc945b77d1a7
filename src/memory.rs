//! Memory that was freed goes back to the system. glibc keeps it in its arenas, so a process that once had ten thousand subscribers
//! would stay as large for as long as it runs.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// How often. A walk over the arenas takes milliseconds.
const PERIOD: Duration = Duration::from_secs(10);

/// Gives it back again and again; ends when it is dropped.
pub async fn give_back() {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Others may allocate meanwhile; a worker must not stand still for it.
        if tokio::task::spawn_blocking(trim).await.is_err() {
            return;
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no other door to it, and no crate has one that is safe")]
fn trim() {
    // SAFETY: malloc_trim(3) asks nothing of its caller, takes the arenas' own locks, and moves no allocation.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
