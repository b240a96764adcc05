//! `[firmware]` of the configuration.

use serde::Deserialize;
use toml::Spanned;

use super::*;
use crate::config::{ConfigError, Source};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default)]
    firmware: Option<Spanned<FirmwareTable>>,
}

fn parsed(text: &str) -> Result<FirmwareConfig, ConfigError> {
    let source = Source {
        file: Path::new("station.toml"),
        text,
    };
    let whole: Whole = source.parse()?;
    FirmwareConfig::checked(&source, whole.firmware.as_ref())
}

#[test]
fn without_firmware_table_nothing_is_installed_and_signatures_are_not_asked_for() {
    let config = parsed("").unwrap();
    assert_eq!(config, FirmwareConfig::default());
    assert!(config.installer.is_empty() && !config.require_signature);
    assert_eq!(config.max_image_bytes, 512 << 20);
    assert_eq!(config.install_timeout, Duration::from_secs(900));
}

#[test]
fn firmware_table_is_read_and_wrong_values_are_refused_by_line_and_key() {
    let good = "[firmware]\ninstaller = [\"/bin/x\", \"-v\"]\nrequire_signature = true\nmax_image_mib = 64\ninstall_timeout_s = 60\n";
    let config = parsed(good).unwrap();
    assert_eq!(config.installer, ["/bin/x", "-v"]);
    assert!(config.require_signature);
    assert_eq!(config.max_image_bytes, 64 << 20);
    assert_eq!(config.install_timeout, Duration::from_secs(60));
    for (from, to, key) in [
        ("\"/bin/x\"", "\"x\"", "installer"),
        ("64", "0", "max_image_mib"),
        ("64", "8193", "max_image_mib"),
        ("= 60", "= 0", "install_timeout_s"),
        ("= 60", "= 14401", "install_timeout_s"),
        ("require_signature", "require_signatur", "require_signatur"),
    ] {
        let error = parsed(&good.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.key, key, "{error}");
        assert!(error.line.is_some() && !error.remedy.is_empty(), "{error}");
    }
}
