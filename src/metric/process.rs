//! What the system says of this process. Systems without `/proc` say nothing.

use std::fs;

use super::Page;

/// Ticks of a second in which Linux counts processor time for programs, on every architecture that Rust runs on.
const TICKS: f64 = 100.0;

/// Puts memory, processor time and open files on the page.
pub fn look(page: &mut Page) {
    if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
        page.count("process_resident_memory_bytes", &[], bytes);
    }
    if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(ticks) {
        page.put("process_cpu_seconds_total", &[], f64::from(ticks) / TICKS);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        page.count("process_open_fds", &[], i64::try_from(files.count()).unwrap_or(i64::MAX));
    }
}

/// `VmRSS: 12345 kB`, in bytes.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1_024)
}

/// The fields 14 and 15, counted from 1; the second one is the name in parentheses, which may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    next()?.checked_add(next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        assert_eq!(resident("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t   2048 kB\n"), Some(2_097_152));
        assert_eq!(resident("Name: x"), None);
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("42"), None);
    }
}
