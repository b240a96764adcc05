//! The simulator's one source of chance: a small generator with a seed, so that a run can be repeated.

/// A splitmix64 generator. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias of the remainder does not matter here.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            self.next_u64() % bound
        }
    }

    /// True `per_million` times in a million.
    pub const fn chance(&mut self, per_million: u64) -> bool {
        self.below(1_000_000) < per_million
    }

    /// A value between `-span` and `span`.
    pub fn around_zero(&mut self, span: u16) -> i32 {
        let width = u64::from(span) * 2 + 1;
        i32::try_from(self.below(width)).unwrap_or(0) - i32::from(span)
    }

    /// An own generator for a part of the world, so that one part's draws do not shift another's.
    pub const fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }
}
