//! Numbers of the whole station: start, memory over TLS, card to permit.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::demo::operator::{CARD, Operator};
use crate::demo::station::{Launch, Station};
use crate::shell;

use super::peer::TlsPeer;
use super::queue::{self, Queue};
use super::swaps::{self, Swaps};

const STARTS: usize = 7;
const SWIPES: usize = 10;
const SESSION: Duration = Duration::from_secs(30);
pub const STEP: Duration = Duration::from_secs(60);
/// Between plug and card, so that one is not measured with the other.
const REST: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);
/// Time for the station to come to rest before its memory is read.
const SETTLE: Duration = Duration::from_secs(5);

/// What was measured.
#[derive(Debug)]
pub struct Numbers {
    /// Plugins of the pack.
    pub plugins: usize,
    /// Start of the process to its "ready", median.
    pub start_ms: f64,
    /// Resident memory with one backend connected over TLS.
    pub resident_mib: f64,
    /// Card at the reader to a permit, worst.
    pub swipe_ms: f64,
    /// A thousand swaps during a charge.
    pub swaps: Swaps,
    /// A long time without backend.
    pub queue: Queue,
    /// Bytes that one session writes, as the kernel counts them.
    pub session_kib: f64,
}

/// Measures with the E-Flux adapter and a local list.
///
/// # Errors
/// When the station or its central system cannot be started, or do not do what is measured.
pub fn measure(whole_queue: bool) -> Result<Numbers> {
    let folder = std::env::temp_dir().join(format!("pilotwire-bench-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = measure_in(&folder, whole_queue);
    // Left-overs in the temporary folder are no failure.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn measure_in(folder: &Path, whole_queue: bool) -> Result<Numbers> {
    certificates(folder)?;
    let mut csms = TlsPeer::start(folder)?;
    let mut station = Station::start(&Launch {
        name: "bench",
        program: shell::target().join("release/pilotwire"),
        operator: Operator::EFlux,
        base: format!("wss://127.0.0.1:{}", csms.port),
        authority: Some(folder.join("ca.pem")),
        whitelist: Some(CARD),
    })?;
    csms.wait_for_call("BootNotification")?;
    let start_ms = median(&mut starts(&mut station, folder)?);
    csms.wait_for_call("StatusNotification")?;
    std::thread::sleep(SETTLE);
    let resident_mib = resident(station.id())?;
    let plugins = plugins(&station)?;
    let swipe_ms = swipes(&station)?;
    let session_kib = session_writes(&station)?;
    let swaps = swaps::measure(&station, &mut csms)?;
    let queue = queue::measure(&mut station, &mut csms, folder, whole_queue)?;
    Ok(Numbers {
        plugins,
        start_ms,
        resident_mib,
        swipe_ms,
        swaps,
        queue,
        session_kib,
    })
}

/// What one session of half a minute writes to the disk, from the plug to the released plug, with everything that the
/// backend is told on the way.
fn session_writes(station: &Station) -> Result<f64> {
    let before = written(station.id())?;
    station.plug_in()?;
    until("the plug is seen", || {
        Ok(connector(station, "plugged")? == Some(true))
    })?;
    station.swipe()?;
    until("power", || Ok(permit_ma(station)? > 0))?;
    std::thread::sleep(SESSION);
    station.swipe()?;
    until("the permit is withdrawn", || Ok(permit_ma(station)? == 0))?;
    until("the plug is released", || Ok(station.unplug().is_ok()))?;
    std::thread::sleep(SETTLE);
    Ok(written(station.id())? - before)
}

/// KiB that a process has caused to be written, without what was replaced before it came to that: the simulated world's
/// file, which a real station does not have.
fn written(process: u32) -> Result<f64> {
    let io = std::fs::read_to_string(format!("/proc/{process}/io"))?;
    let bytes = |key: &str| -> Result<f64> {
        let line = io.lines().find_map(|line| line.strip_prefix(key));
        Ok(line.context("no such count of bytes")?.trim().parse()?)
    };
    Ok((bytes("write_bytes: ")? - bytes("cancelled_write_bytes: ")?) / 1024.0)
}

/// Starts again with everything compiled; the station says `READY=1` as it would to systemd.
fn starts(station: &mut Station, folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("ready.sock");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(STEP))?;
    let mut samples = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let start = Instant::now();
        station.restart(&path)?;
        let mut buffer = [0; 1024];
        loop {
            let length = socket
                .recv(&mut buffer)
                .context("the station never said READY=1")?;
            let said = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            if said.lines().any(|line| line == "READY=1") {
                break;
            }
        }
        samples.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples)
}

pub fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn resident(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no VmRSS")?;
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .context("no VmRSS")?
        .parse()?;
    Ok(kib / 1024.0)
}

fn plugins(station: &Station) -> Result<usize> {
    let answer = station.control(&serde_json::json!({"verb": "plugin-list"}))?;
    let list = answer.get("plugins").and_then(Value::as_array);
    Ok(list.map_or(0, Vec::len))
}

/// Time from the card to a permit, with a car plugged in and the card on the local list. Worst of some.
fn swipes(station: &Station) -> Result<f64> {
    let mut worst = 0.0_f64;
    for _ in 0..SWIPES {
        station.plug_in()?;
        // The lock takes a second to move; that is no software time.
        until("the plug is locked", || {
            let lock = status(station)?;
            Ok(lock.pointer("/evses/0/lock").and_then(Value::as_str) == Some("locked"))
        })?;
        std::thread::sleep(REST);
        let start = Instant::now();
        station.swipe()?;
        while permit_ma(station)? == 0 {
            if start.elapsed() > STEP {
                bail!("the card on the local list gets no permit");
            }
        }
        worst = worst.max(start.elapsed().as_secs_f64() * 1e3);
        station.swipe()?;
        until("the permit is withdrawn", || Ok(permit_ma(station)? == 0))?;
        until("the plug is released", || Ok(station.unplug().is_ok()))?;
        until("standby", || {
            Ok(connector(station, "plugged")? == Some(false))
        })?;
    }
    Ok(worst)
}

pub fn until(what: &str, mut reached: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !reached()? {
        if start.elapsed() > STEP {
            bail!("waited in vain until {what}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

pub fn status(station: &Station) -> Result<Value> {
    station.control(&serde_json::json!({"verb": "status"}))
}

pub fn permit_ma(station: &Station) -> Result<u64> {
    Ok(status(station)?
        .pointer("/evses/0/permit_ma")
        .and_then(Value::as_u64)
        .unwrap_or(0))
}

pub fn connector(station: &Station, what: &str) -> Result<Option<bool>> {
    let path = format!("/evses/0/connector/{what}");
    Ok(status(station)?.pointer(&path).and_then(Value::as_bool))
}

/// An authority and a certificate for 127.0.0.1, made with the openssl program.
fn certificates(folder: &Path) -> Result<()> {
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let mut authority = openssl(folder);
    authority.args(["req", "-x509"]).args(key);
    authority.args(["-keyout", "ca.key", "-out", "ca.pem", "-days", "2"]);
    authority.args(["-subj", "/CN=Bench authority"]);
    shell::capture("certificate authority", &mut authority)?;
    let mut request = openssl(folder);
    request
        .arg("req")
        .args(key)
        .args(["-keyout", "server.key", "-out", "server.csr"]);
    request.args(["-subj", "/CN=Bench central system"]);
    shell::capture("certificate request", &mut request)?;
    std::fs::write(folder.join("extensions"), "subjectAltName=IP:127.0.0.1\n")?;
    let mut sign = openssl(folder);
    sign.args([
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
    ]);
    sign.args([
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "extensions",
        "-out",
        "server.pem",
    ]);
    shell::capture("certificate", &mut sign).map(drop)
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder);
    command
}
