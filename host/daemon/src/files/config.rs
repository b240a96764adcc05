//! `[firmware]` of the configuration.
//!
//! For config.rs: `#[serde(default)] firmware: Option<Spanned<FirmwareTable>>` in `File`, and
//! `firmware: FirmwareConfig::checked(&source, file.firmware.as_ref())?` in `Config`.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::limits::{
    INSTALL_TIMEOUT_CEILING_S, INSTALL_TIMEOUT_S, MAX_IMAGE_MIB, MAX_IMAGE_MIB_CEILING,
};
use crate::config::{ConfigError, Source};

/// `[firmware]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareTable {
    #[serde(default)]
    installer: Vec<String>,
    #[serde(default)]
    require_signature: bool,
    #[serde(default)]
    max_image_mib: Option<u32>,
    #[serde(default)]
    install_timeout_s: Option<u32>,
}

/// How this station gets new firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareConfig {
    /// The program that installs, with its first arguments; empty: this station installs nothing.
    pub installer: Vec<String>,
    /// Images without a good signature are not taken. OCPP 1.6 core knows no signatures: then only
    /// SignedUpdateFirmware of the security extension updates this station.
    pub require_signature: bool,
    /// Larger images are not taken.
    pub max_image_bytes: u64,
    /// The installer is ended after this long.
    pub install_timeout: Duration,
}

impl Default for FirmwareConfig {
    /// No installer; what is downloaded need not be signed.
    fn default() -> Self {
        Self {
            installer: Vec::new(),
            require_signature: false,
            max_image_bytes: u64::from(MAX_IMAGE_MIB) << 20,
            install_timeout: Duration::from_secs(u64::from(INSTALL_TIMEOUT_S)),
        }
    }
}

impl FirmwareConfig {
    /// Checks the table; none is the default.
    ///
    /// # Errors
    /// [`ConfigError`] for the first value that is wrong.
    pub(crate) fn checked(
        source: &Source<'_>,
        table: Option<&Spanned<FirmwareTable>>,
    ) -> Result<Self, ConfigError> {
        let Some(spanned) = table else {
            return Ok(Self::default());
        };
        let refuse = |key: &str, reason: String, remedy: &str| {
            let line = source
                .line_of(key)
                .or_else(|| Some(source.line_at(spanned.span().start)));
            Err(source.error(line, key, reason, remedy))
        };
        let table = spanned.get_ref();
        if let Some(program) = table.installer.first()
            && !program.starts_with('/')
        {
            let reason = format!("{program:?} is no absolute path");
            return refuse(
                "installer",
                reason,
                "write where the program is, for example [\"/usr/lib/pilotwire/installer\"]",
            );
        }
        let image = table.max_image_mib.unwrap_or(MAX_IMAGE_MIB);
        if image == 0 || image > MAX_IMAGE_MIB_CEILING {
            let reason = format!("{image} is not between 1 and {MAX_IMAGE_MIB_CEILING}");
            return refuse(
                "max_image_mib",
                reason,
                "write the largest image in MiB that the disk has room for",
            );
        }
        let timeout = table.install_timeout_s.unwrap_or(INSTALL_TIMEOUT_S);
        if timeout == 0 || timeout > INSTALL_TIMEOUT_CEILING_S {
            let reason = format!("{timeout} is not between 1 and {INSTALL_TIMEOUT_CEILING_S}");
            return refuse(
                "install_timeout_s",
                reason,
                "write the seconds that an installation may take",
            );
        }
        Ok(Self {
            installer: table.installer.clone(),
            require_signature: table.require_signature,
            max_image_bytes: u64::from(image) << 20,
            install_timeout: Duration::from_secs(u64::from(timeout)),
        })
    }
}
