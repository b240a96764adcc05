//! Which part of a file an HTTP answer carries. Pure.

/// Which part of a file an answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// First byte, from 0.
    pub first: u64,
    /// Last byte; less than `u64::MAX`.
    pub last: u64,
    /// Bytes of the whole.
    pub total: Option<u64>,
}

impl ContentRange {
    /// `bytes 5-9/10` or `bytes 5-9/*`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| -> Option<u64> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok())?
        };
        let (unit, rest) = text.trim().split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        let sound = unit.eq_ignore_ascii_case("bytes")
            && first <= last
            && last < u64::MAX
            && total.is_none_or(|total| last < total);
        sound.then_some(Self { first, last, total })
    }
}
