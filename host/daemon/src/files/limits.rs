//! Every bound of transfers, archives and firmware. Each says what breaks if it is smaller or larger.

use std::time::Duration;

/// An attempt without a byte in either direction for this long has failed.
pub const STALL: Duration = Duration::from_secs(60);
/// An attempt takes at most this long, even if a byte moves now and then.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Further attempts at most, whatever is asked for. Larger: a wrong URL keeps the uplink busy for days.
pub const MAX_RETRIES: u32 = 10;
/// Longest pause between two attempts, s.
pub const MAX_RETRY_INTERVAL_S: u32 = 24 * 60 * 60;
/// Shortest pause between two attempts, s. Smaller: a server that refuses at once is asked in a loop.
pub const MIN_RETRY_INTERVAL_S: u32 = 1;
/// Redirects that one attempt follows.
pub const MAX_REDIRECTS: u32 = 4;
/// Longest URL that is taken.
pub const MAX_URL_BYTES: usize = 2_048;
/// Longest name of an uploaded file. The OCPP field holds 255 characters.
pub const MAX_FILE_NAME_BYTES: usize = 255;
/// Image size at most unless `[firmware] max_image_mib` says otherwise, MiB.
pub const MAX_IMAGE_MIB: u32 = 512;
/// What an installation may set for it at most, MiB.
pub const MAX_IMAGE_MIB_CEILING: u32 = 8_192;
/// Space that stays free on the state folder's disk beside an image, bytes: the journal must go on.
pub const DISK_RESERVE_BYTES: u64 = 16 << 20;
/// A download is brought onto the disk in such steps, bytes. Larger: a power cut costs more of it; smaller: more wear.
pub const SYNC_STEP_BYTES: u64 = 4 << 20;
/// Bytes that are moved at a time.
pub const CHUNK_BYTES: usize = 32 << 10;
/// A download says how far it is in the log after each such part.
pub const PROGRESS_STEP_PERCENT: u64 = 10;
/// Longest description of a report, characters.
pub const DETAIL_CHARS: usize = 400;
/// Longest line of an FTP server.
pub const FTP_LINE_BYTES: usize = 1_024;
/// Lines of one answer of an FTP server.
pub const FTP_REPLY_LINES: usize = 64;
/// Addresses of a host that are tried.
pub const ADDRESSES_TRIED: usize = 4;
/// Head of an HTTP answer, bytes.
pub const HTTP_HEAD_BYTES: usize = 32 << 10;
/// Diagnostics before compression, bytes. Larger: slow uplinks never get one through.
pub const ARCHIVE_BYTES: usize = 16 << 20;
/// Files in an archive.
pub const ARCHIVE_FILES: usize = 256;
/// Longest name of a file in an archive: what a plain tar header holds.
pub const ARCHIVE_NAME_BYTES: usize = 100;
/// Longest certificate or signature text of a signed update, bytes. OCPP allows 5,500 and 800 characters.
pub const MAX_PEM_BYTES: usize = 16 << 10;
/// Certificates in the text of a signed update: the signer's and those between it and the root.
pub const MAX_CHAIN: usize = 5;
/// Installation takes at most this long unless `[firmware] install_timeout_s` says otherwise, s.
pub const INSTALL_TIMEOUT_S: u32 = 15 * 60;
/// What an installation may set for it at most, s.
pub const INSTALL_TIMEOUT_CEILING_S: u32 = 4 * 60 * 60;
/// The installer's `restart` and `confirm` take at most this long.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Restarts that are asked for again because the machine did not follow. Larger: a station that restarts for ever.
pub const MAX_RESTARTS: u32 = 3;
/// Lines of the installer that reach the log.
pub const INSTALLER_LINES: usize = 200;
/// Longest line of the installer that is kept.
pub const INSTALLER_LINE_BYTES: usize = 400;
/// The installer's state is looked at this often.
pub const INSTALLER_POLL: Duration = Duration::from_millis(50);
/// After the installer has ended, what it wrote last is awaited this long: a child that it left behind may hold the pipe.
pub const INSTALLER_LAST_WORDS: Duration = Duration::from_millis(500);
/// Longest state file that is read.
pub const STATE_FILE_BYTES: u64 = 16 << 10;
