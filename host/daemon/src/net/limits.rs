//! Bounds of the network module.

use std::time::Duration;

/// Text frames that may wait to be written on one link. OCPP allows one call in flight each way, so few ever wait.
pub const OUTGOING_FRAMES: usize = 64;
/// Longest head of a proxy's answer, bytes.
pub const PROXY_HEAD_BYTES: usize = 8_192;
/// Addresses of one host name that are tried.
pub const ADDRESSES_TRIED: usize = 8;
/// How long a proper close may take before the connection is just dropped.
pub const CLOSE_TIME: Duration = Duration::from_secs(5);
/// Longest close reason on the wire, bytes (RFC 6455: a control frame carries 125, two are the code).
pub const CLOSE_REASON_BYTES: usize = 123;
/// Read and write buffers of one link, bytes; OCPP frames are small and stations have little memory.
pub const LINK_BUFFER_BYTES: usize = 8_192;
/// Certificates in a chain whose time may be overlooked one after another.
pub const OVERLOOKED_TIMES: usize = 4;
