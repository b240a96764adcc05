//! Puts a station together from its configuration and runs it.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, bail};
use drivers::indicator::{Indicator, Profile};
use drivers::sim::{SimControl, SimEvseConfig, SimIndicators, SimStation, SimWorld};
use interlock::{Interlock, Trips};
use plugin_host::Setting;
use station::{BootReason, EvseId, Indication, Station};
use units::Instant;

use crate::adapter::AdapterSeed;
use crate::authorize::{Authorizers, Standing};
use crate::ceilings::{self, Ceilings};
use crate::certificates::{CertificateStore, Damage};
use crate::clock::{Clock, WallClock, system_wall};
use crate::config::Config;
use crate::deploy::{self, Loader};
use crate::files::{self, Files};
use crate::interlock_thread::{Drive, InterlockThread, Pulse};
use crate::journal::{self, Store};
use crate::languages::Languages;
use crate::limits::{INTERLOCK_EVENTS, MACHINE_RESTART, STATION_INBOX};
use crate::messages::ToStation;
use crate::pack::Pack;
use crate::slot::{PermitSlot, StatusSlot};
use crate::station_thread::{Core, Ended, Place};
use crate::{api, control, systemd};

/// Runs a station until it is told to end. A restart of the station replaces the process by a new one of the same
/// program.
///
/// # Errors
/// Whatever keeps it from starting, with what to do.
pub fn run(config: Config, pack: Pack, clock: Clock) -> Result<()> {
    prepare_state_dir(&config.state_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the machine refuses threads")?;
    let listener = runtime
        .block_on(control::listen(&control::socket_path(&config.state_dir)))
        .with_context(|| format!("control socket in {}", config.state_dir.display()))?;
    let api = match config.api_listen {
        Some(address) => Some(
            runtime
                .block_on(tokio::net::TcpListener::bind(address))
                .with_context(|| format!("api.listen = {address}"))?,
        ),
        None => None,
    };
    let (to_station, inbox) = sync_channel(STATION_INBOX);
    let opened = journal::open(&config.state_dir.join("station.db"))?;
    let loader = Arc::new(Loader::new(&config, opened.store.again()?)?);
    let (core, interlocks) = assemble(&config, pack, clock, &to_station, &loader, opened)?;
    runtime.spawn(control::serve(listener, to_station.clone(), loader));
    if let Some(api) = api {
        runtime.spawn(api::serve(api, to_station.clone()));
    }
    runtime.spawn(end_on_signal(to_station));
    tracing::info!(ms = clock.now().as_millis(), "ready to plug");
    systemd::ready();
    let files = core.files.clone();
    let ended = run_station(core, inbox, clock)?;
    systemd::stopping();
    if !interlocks.stop() {
        tracing::error!(
            "the interlock's thread had ended before; the hardware held the contactors open"
        );
    }
    drop(runtime);
    match ended {
        Ended::Shutdown => Ok(()),
        Ended::Restart(_) => {
            if files.restart_by_installer() {
                tracing::info!("the machine restarts to use the new firmware");
                // It ends this process; if it does not, the station must not stay dark.
                std::thread::sleep(MACHINE_RESTART);
                tracing::error!("the machine did not restart");
            }
            again()
        }
    }
}

/// The station's thread. Its panic ends in withdrawn permits and open contactors, then in a restart by the supervisor.
fn run_station(core: Core, inbox: Receiver<ToStation>, clock: Clock) -> Result<Ended> {
    let thread = std::thread::Builder::new()
        .name("station".to_owned())
        .spawn(move || {
            let (ended, core) = core.run(&inbox, systemd::watchdog(clock));
            drop(inbox);
            core.close();
            ended
        })
        .context("the machine refuses threads")?;
    match thread.join() {
        Ok(ended) => Ok(ended),
        Err(_) => {
            bail!("the station's thread panicked; contactors are open. Please report the log")
        }
    }
}

/// Replaces the process by a new one: same program, same arguments.
fn again() -> Result<()> {
    let program = std::env::current_exe().context("the program cannot find itself")?;
    let error = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).context("the program cannot be started again")
}

async fn end_on_signal(station: SyncSender<ToStation>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::warn!("signals cannot be waited for");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending");
    // The queue drains every few milliseconds; a full one is tried again by the next signal.
    let _full = station.try_send(ToStation::Shutdown);
}

/// The station's certificates. A damaged file is named and left out.
fn certificates(state_dir: &Path) -> Result<CertificateStore> {
    let (store, damaged) = CertificateStore::open(state_dir)
        .with_context(|| format!("certificates in {}", state_dir.display()))?;
    for Damage { path, reason } in damaged {
        tracing::error!("certificate {} is left out: {reason}", path.display());
    }
    Ok(store)
}

/// Transfers and firmware; begins to ask what became of an installation that the restart ended.
fn files(config: &Config, seed: &AdapterSeed) -> Files {
    let settings = files::Settings::new(
        config.state_dir.clone(),
        seed.strictness,
        seed.ca_file.clone(),
        Some(seed.certificates.clone()),
        seed.proxy.clone(),
        config.firmware.clone(),
    );
    let station = seed.station.clone();
    let reports = move |report| {
        // Waits while the station has too much to do; fails only when the process ends.
        let _ends_with_the_process = station.send(ToStation::FileReport(report));
    };
    let files = Files::new(settings, seed.wall.clone(), Arc::new(reports));
    files.confirm();
    files
}

fn prepare_state_dir(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("state_dir {} cannot be made", path.display()))?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o022 != 0 {
        // Compiled plugins live there; whoever can write them owns the station.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("state_dir {} is writable by others", path.display()))?;
    }
    Ok(())
}

fn assemble(
    config: &Config,
    pack: Pack,
    clock: Clock,
    to_station: &SyncSender<ToStation>,
    loader: &Loader,
    opened: journal::Opened,
) -> Result<(Core, InterlockThread)> {
    let mut store = opened.store;
    let boot_reason = take_boot_reason(&mut store);
    let deployed = deploy::first(loader, pack, &mut store)?;
    let wall = WallClock::unknown(clock);
    let now = clock.now();
    let mut station_config = config.station.clone();
    station_config.boot_reason = boot_reason;
    for (key, value) in &deployed.now.pack.settings {
        // What this station's own configuration says is more particular than its pack.
        if !station_config
            .settings
            .iter()
            .any(|(other, _)| other == key)
        {
            station_config.settings.push((key.clone(), value.clone()));
        }
    }
    let stored = store.settings()?;
    for (key, value) in stored {
        station_config.settings.retain(|(other, _)| *other != key);
        station_config.settings.push((key, value));
        if station_config.check().is_err() {
            // Written by another version; the default is safer than not starting.
            tracing::error!("a stored setting is not valid any longer and is left out");
            station_config.settings.pop();
        }
    }
    let mut station = Station::new(station_config, store.persistent_state()?, wall.moment());
    if let Some(aside) = opened.moved_aside {
        tracing::error!(
            "the database was damaged; it was moved to {}, and a new one begins",
            aside.display()
        );
    }
    if config.trust_system_clock
        && let Some(time) = system_wall()
    {
        store.set_wall_offset(wall.set(now, time))?;
        station.handle_event(now, station::Event::ClockSet { wall: time });
    }
    let pulse = Arc::new(Pulse::default());
    let (log_sender, log_events) = sync_channel(INTERLOCK_EVENTS);
    let hardware = simulated_hardware(config, &store, &deployed.now.indicator, clock)?;
    let interlocks = InterlockThread::start(clock, hardware.drives, log_sender, Arc::clone(&pulse))
        .context("the interlock's thread cannot be started")?;
    let settings: Vec<Setting> = station
        .settings()
        .into_iter()
        .map(|view| Setting {
            key: view.key,
            value: view.value,
        })
        .collect();
    let authorizers = Authorizers::start(
        deployed.now.judges.clone(),
        settings,
        store.again()?,
        wall.clone(),
        to_station.clone(),
    )?;
    let languages = Languages::start(
        deployed.now.languages.clone(),
        wall.clone(),
        to_station.clone(),
    )?;
    let seed = AdapterSeed {
        identity: config.identity.clone(),
        clock,
        wall: wall.clone(),
        strictness: config.strictness,
        ca_file: config.ca_file.clone(),
        certificates: certificates(&config.state_dir)?,
        proxy: config.proxy.clone(),
        station: to_station.clone(),
        boot_reason,
    };
    let files = files(config, &seed);
    let backends = deployed.now.backends.clone();
    let names: Vec<&str> = backends
        .iter()
        .map(|ready| ready.policy.name.as_str())
        .collect();
    let ceilings_kept = store.record(ceilings::RECORD)?.unwrap_or_default();
    let ceilings = Ceilings::restored(&ceilings_kept, &names);
    let mut core = Core {
        station,
        store,
        clock,
        wall,
        places: hardware.places,
        adapters: Vec::new(),
        next_adapter: 0,
        seed,
        authorizers,
        languages,
        deployed,
        standing: Standing::default(),
        ceilings,
        ceilings_kept,
        ceilings_due: Instant::ZERO,
        files,
        backend_watch: Default::default(),
        next_boot_reason: BootReason::RemoteReset,
        proven: None,
        busy: false,
        sim: hardware.control,
        world_files: hardware.world_files,
        recordings: config.state_dir.join("recordings"),
        log_events,
        pulse,
        commits: 0,
        asked: Default::default(),
        uncommitted: Vec::new(),
        unsaved: None,
        retry_at: None,
        latched: String::new(),
        meter_due: Instant::ZERO,
        reader_due: Instant::ZERO,
        world_due: Instant::ZERO,
        world_looks: 0,
        worlds: vec![None; config.station.evses.len()],
        indicators_due: Instant::ZERO,
        readers_silent: false,
        ended: None,
        local_answers: Default::default(),
        next_local: 0,
    };
    for ready in backends {
        core.start_adapter(ready, 0)?;
    }
    core.remember_versions();
    Ok((core, interlocks))
}

/// Restarts that the station orders itself, as they are kept for the next start.
pub const RESTARTS: [(BootReason, &str); 3] = [
    (BootReason::RemoteReset, "remote-reset"),
    (BootReason::FirmwareUpdate, "firmware-update"),
    (BootReason::Watchdog, "watchdog"),
];

/// The reason that the last process left for this one; it counts once.
fn take_boot_reason(store: &mut Store) -> BootReason {
    let kept = store
        .record("boot_reason")
        .ok()
        .flatten()
        .unwrap_or_default();
    let ordered = RESTARTS.iter().find(|(_, word)| *word == kept);
    let reason = ordered.map_or(BootReason::PowerUp, |(reason, _)| *reason);
    if let Err(error) = store.put_record("boot_reason", "") {
        tracing::error!("the reason of the next start may be wrong: {error}");
    }
    reason
}

struct Hardware {
    drives: Vec<Drive>,
    places: Vec<Place>,
    control: SimControl,
    world_files: Vec<PathBuf>,
}

fn simulated_hardware(
    config: &Config,
    store: &Store,
    indicator: &Profile,
    clock: Clock,
) -> Result<Hardware> {
    let latched = store.record("trips")?.unwrap_or_default();
    let mut latched = latched.split(',').map(|bits| bits.parse().unwrap_or(0));
    let mut world_files = Vec::new();
    let mut sims = Vec::new();
    for evse in &config.station.evses {
        let file = config
            .state_dir
            .join(format!("simulated-evse-{}", evse.id.0));
        let world = match std::fs::read_to_string(&file) {
            Ok(text) => SimWorld::parse(&text).map_err(|error| {
                anyhow::anyhow!(
                    "{}: {error}; remove the file to begin with an empty socket",
                    file.display()
                )
            })?,
            Err(_) => SimWorld::EMPTY,
        };
        let attachment = evse.attachment;
        let base = SimEvseConfig::socket();
        sims.push(SimEvseConfig {
            attachment,
            supply: evse.phases,
            world,
            ..base
        });
        world_files.push(file);
    }
    let SimStation {
        boards,
        meters,
        readers,
        control,
    } = SimStation::new(&sims, store.boot());
    let mut drives = Vec::new();
    let mut places = Vec::new();
    let parts = boards.into_iter().zip(meters).zip(readers);
    let configured = config
        .station
        .evses
        .iter()
        .zip(&config.profiles)
        .zip(&config.readers);
    for (((board, meter), simulated), ((evse, profile), reader)) in parts.zip(configured) {
        let reader = reader.open(evse.id, simulated, clock)?;
        let (permit, status) = (
            Arc::new(PermitSlot::default()),
            Arc::new(StatusSlot::default()),
        );
        drives.push(Drive {
            evse: evse.id,
            board: Box::new(board),
            interlock: Interlock::resume(
                *profile,
                Trips::from_bits_truncate(latched.next().unwrap_or(0)),
            ),
            permit: Arc::clone(&permit),
            status: Arc::clone(&status),
        });
        places.push(place(
            evse.id,
            permit,
            status,
            Box::new(meter),
            reader,
            indicator.clone(),
            clock.now(),
        ));
    }
    Ok(Hardware {
        drives,
        places,
        control,
        world_files,
    })
}

fn place(
    evse: EvseId,
    permit: Arc<PermitSlot>,
    status: Arc<StatusSlot>,
    meter: Box<dyn drivers::Meter>,
    reader: Box<dyn drivers::CardReader>,
    profile: Profile,
    now: Instant,
) -> Place {
    Place {
        evse,
        permit,
        status,
        meter,
        reader,
        told: None,
        meter_failures: 0,
        indication: Indication::Boot,
        signals: Vec::new(),
        said: Vec::new(),
        indicator: Indicator::new(profile, now),
        lamps: Box::new(SimIndicators::default()),
        frame: None,
        samples: Vec::new(),
    }
}
