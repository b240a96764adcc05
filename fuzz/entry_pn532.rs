//! Entry point for a card reader that sends hostile bytes, used by the fuzz target and, bounded, by an ordinary test.

use drivers::limits::{PN532_EVENTS, PN532_SEND_BYTES};
use drivers::pn532::{PAYLOAD_BYTES_MAX, Pn532};
use units::{Instant, Millis};

/// Plays `data` to the protocol: a byte that says how many of the next ones arrive together and how much time passes, and
/// those bytes. Whatever comes, nothing is kept without bound, and the protocol always says when it wants to be called.
pub fn pn532(data: &[u8]) {
    let mut now = Instant::ZERO;
    let mut driver = Pn532::new(now);
    let mut rest = data;
    while let Some((script, behind)) = rest.split_first() {
        let (bytes, behind) = behind.split_at(usize::from(script & 0x1F).min(behind.len()));
        rest = behind;
        now = now.after(Millis::new(u64::from(script >> 5) * 40));
        if driver.wants_line(now) {
            driver.handle_line_up(now);
        }
        driver.handle_timeout(now);
        driver.handle_bytes(now, bytes);
        assert!(driver.take_bytes().len() <= PN532_SEND_BYTES);
        assert!(driver.waiting() <= PAYLOAD_BYTES_MAX + 5);
        assert!(driver.deadline() <= now.after(Millis::from_secs(10)));
        let mut events = 0;
        while driver.poll_event().is_some() {
            events += 1;
        }
        assert!(events <= PN532_EVENTS);
    }
}
