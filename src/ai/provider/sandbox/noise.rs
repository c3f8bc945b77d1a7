//! Numbers that look random and are a function of a request alone, the same in every release.

use ring::digest;

/// A splitmix64 sequence seeded by the SHA-256 of what it is for. Our own, because a library may change its sequence
/// between versions and with it every sandbox image.
pub(super) struct Noise(u64);

impl Noise {
    /// Equal `purpose`, seed, model and prompt give equal sequences.
    pub(super) fn new(purpose: &str, seed: Option<u32>, model: &str, prompt: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        let seed = seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
        for part in [purpose, &seed, model, prompt] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let hash = context.finish();
        Self(hash.as_ref().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    /// A sequence of its own for a number in a seeded series.
    pub(super) fn numbered(seed: u64, no: u64) -> Self {
        Self(seed ^ no.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let number = self.next() % u64::from(bound.max(1));
        u32::try_from(number).unwrap_or(0)
    }

    /// One of `items`, or `fallback` if there are none.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T], fallback: &'a T) -> &'a T {
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let at = usize::try_from(self.below(count)).unwrap_or(0);
        items.get(at).copied().unwrap_or(fallback)
    }
}
