//! Output of commands. A reader that goes away (`pilotwire plugin list | head -1`) ends the command, and is no fault.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line on standard output, as `println!` does.
macro_rules! out {
    ($($text:tt)*) => { $crate::print::line(format_args!($($text)*)) };
}
pub(crate) use out;

/// See [`out`].
pub fn line(text: Arguments<'_>) {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("pilotwire: standard output cannot be written: {error}");
            std::process::exit(1);
        }
    }
}
