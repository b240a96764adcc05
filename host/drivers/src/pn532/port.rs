//! A serial line that never waits, but for opening and closing.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, SpecialCodeIndex, ioctl_tiocexcl, tcflush,
    tcgetattr, tcsetattr,
};
use units::Millis;

/// The PN532's speed after power-up.
const BAUD: u32 = 115_200;

/// An open line: 115 200 baud, 8 data bits, no parity, one stop bit, no flow control.
#[derive(Debug)]
pub(super) struct Port {
    fd: OwnedFd,
}

impl Port {
    /// Opens and sets up the line, for this process alone.
    pub(super) fn open(device: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open(device, flags, Mode::empty())?;
        let mut line = tcgetattr(&fd)?;
        line.make_raw();
        line.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        line.control_modes -= ControlModes::CRTSCTS | ControlModes::CSTOPB;
        line.special_codes[SpecialCodeIndex::VMIN] = 1;
        line.special_codes[SpecialCodeIndex::VTIME] = 0;
        line.set_speed(BAUD)?;
        tcsetattr(&fd, OptionalActions::Now, &line)?;
        ioctl_tiocexcl(&fd)?;
        tcflush(&fd, QueueSelector::IOFlush)?;
        Ok(Self { fd })
    }

    /// Waits until bytes arrive, or may be sent, or the time is over.
    pub(super) fn wait(&self, span: Millis, to_send: bool) -> Result<(), Errno> {
        let mut events = PollFlags::IN;
        if to_send {
            events |= PollFlags::OUT;
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(span.get() / 1_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(span.get() % 1_000)
                .unwrap_or(0)
                .saturating_mul(1_000_000),
        };
        match poll(
            &mut [PollFd::from_borrowed_fd(self.fd.as_fd(), events)],
            Some(&timeout),
        ) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Bytes that have arrived; none if there are none.
    pub(super) fn read<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        match rustix::io::read(&self.fd, &mut *buffer) {
            // The other end is gone.
            Ok(0) => Err(Errno::IO),
            Ok(n) => Ok(buffer.get(..n).unwrap_or(&[])),
            Err(Errno::AGAIN | Errno::INTR) => Ok(&[]),
            Err(error) => Err(error),
        }
    }

    /// Sends as many bytes as the line takes at once.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match rustix::io::write(&self.fd, bytes) {
            Ok(n) => Ok(n),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // Closing waits for bytes that nobody fetches, up to half a minute; whether this works does not matter.
        let _ = tcflush(&self.fd, QueueSelector::IOFlush);
    }
}
