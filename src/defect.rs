//! Defects planted on purpose, to see that the test programme finds them (docs/reliability.md). Only a build with the feature
//! `planted-defects` has them, and only those that the environment names.

/// Whether the defect of this number is planted.
#[cfg(feature = "planted-defects")]
pub fn is_planted(number: u32) -> bool {
    static PLANTED: std::sync::LazyLock<Option<u32>> = std::sync::LazyLock::new(|| {
        let named = std::env::var("INKLEDGER_TEST_DEFECT").ok()?;
        named.parse().ok()
    });
    *PLANTED == Some(number)
}

/// Whether the defect of this number is planted: never in this build.
#[cfg(not(feature = "planted-defects"))]
pub const fn is_planted(_: u32) -> bool {
    false
}
