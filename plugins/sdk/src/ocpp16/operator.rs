//! In what operators differ, and the settings that every adapter of OCPP 1.6 has.

use super::config;
use super::given;
use super::limits::WAIT_MAX_S;
use crate::{Level, Manifest, Setting, SettingSpec, Token, TokenKind, log};

/// An operator's presets. Everything here can be overridden by settings.
pub trait Operator: 'static {
    /// Name of the plugin, as the policy pack spells it.
    const NAME: &'static str;
    /// One sentence.
    const SUMMARY: &'static str;
    /// URL of the backend; the identity is appended.
    const URL: &'static str;
    /// Access point of the operator's SIM cards.
    const APN: &'static str;
    /// User at the access point; empty = none.
    const APN_USER: &'static str;
    /// Password at the access point; empty = none.
    const APN_PASSWORD: &'static str;
    /// How the backend wants card numbers: `lower`, `upper`, `lower-reversed`, `upper-reversed`.
    const TOKEN_FORMAT: &'static str;
    /// Seconds between pings; 0 = off.
    const KEEP_ALIVE_S: u32;

    /// Version of the plugin.
    fn version() -> &'static str;
}

/// How card numbers are written for the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFormat {
    /// `0a0e9b83`
    Lower,
    /// `0A0E9B83`
    Upper,
    /// `839b0e0a`
    LowerReversed,
    /// `839B0E0A`
    UpperReversed,
}

impl TokenFormat {
    /// The format with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "lower" => Some(Self::Lower),
            "upper" => Some(Self::Upper),
            "lower-reversed" => Some(Self::LowerReversed),
            "upper-reversed" => Some(Self::UpperReversed),
            _ => None,
        }
    }

    /// The number on the card, from a token as the backend writes it.
    #[must_use]
    pub fn back(self, tag: &str) -> String {
        // Turning the bytes round a second time turns them back.
        self.format(&Token {
            value: tag.to_owned(),
            kind: TokenKind::Rfid,
        })
    }

    /// The token as the backend knows it. Only card numbers are rewritten; what came from a backend goes back as it came.
    #[must_use]
    pub fn format(self, token: &Token) -> String {
        let digits = token.value.len().is_multiple_of(2)
            && token.value.bytes().all(|b| b.is_ascii_hexdigit());
        if token.kind != TokenKind::Rfid || !digits {
            return token.value.clone();
        }
        let reversed = || -> String {
            let pairs = token.value.as_bytes().chunks(2).rev();
            pairs.flatten().map(|byte| char::from(*byte)).collect()
        };
        match self {
            Self::Lower => token.value.to_ascii_lowercase(),
            Self::Upper => token.value.to_ascii_uppercase(),
            Self::LowerReversed => reversed().to_ascii_lowercase(),
            Self::UpperReversed => reversed().to_ascii_uppercase(),
        }
    }
}

/// When a connector counts as occupied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusStrategy {
    /// Cable and authorisation.
    OccupiedOnCharging,
    /// Either.
    OccupiedOnAuthorized,
}

/// What an adapter says of itself.
#[must_use]
pub fn manifest<O: Operator>() -> Manifest {
    let keep_alive = O::KEEP_ALIVE_S.to_string();
    let settings: [(&str, &str, &str); 29] = [
        (
            "url",
            O::URL,
            "URL of the backend; the identity is appended",
        ),
        (
            "identity",
            "",
            "identity at the backend; empty = the station's",
        ),
        (
            "basic_auth_password",
            "",
            "HTTP basic password; 40 hexadecimal digits stand for 20 bytes",
        ),
        (
            "keep_alive_s",
            &keep_alive,
            "seconds between pings; 0 = off; needed behind address translation",
        ),
        (
            "id_token_format",
            O::TOKEN_FORMAT,
            "card numbers: lower, upper, lower-reversed, upper-reversed",
        ),
        (
            "authorize_remote_start",
            "true",
            "ask the backend for a verdict on remote starts",
        ),
        (
            "force_heartbeat",
            "true",
            "send heartbeats even while other messages show life",
        ),
        (
            "heartbeat_interval_s",
            "300",
            "until the backend says otherwise",
        ),
        (
            "status_strategy",
            "occupied-on-authorized",
            "or occupied-on-charging: cable and authorisation",
        ),
        (
            "preparing_until_c",
            "true",
            "Charging only when the vehicle is ready, not as soon as current is offered",
        ),
        (
            "send_informative_notifications",
            "true",
            "tell informative events",
        ),
        (
            "send_error_notifications",
            "true",
            "tell errors that do not stop charging",
        ),
        (
            "send_usb_notifications",
            "false",
            "tell USB errors of double stations",
        ),
        (
            "allow_long_get_configuration_keys",
            "false",
            "tell values of configuration keys whole that are longer than OCPP 1.6 has room for",
        ),
        (
            "security_profile",
            "0",
            "0 = as URL and password say; 1 = password; 2 = TLS and password; 3 = TLS with the station's certificate; the backend can raise it",
        ),
        (
            "security_events",
            "false",
            "tell security events below profile 1 too",
        ),
        (
            "cpo_name",
            "",
            "the operator's name in signing requests; empty = the vendor's",
        ),
        (
            given::SETTING,
            "",
            "configuration keys to set once, whenever this text changes: KEY=VALUE;KEY=VALUE",
        ),
        (
            "public_trust",
            "true",
            "the public certificate authorities are enough for profiles 2 and 3; else a root must be installed",
        ),
        (
            "connection_timeout_s",
            "60",
            "seconds to wait for a connection or an answer",
        ),
        (
            "authorize_timeout_s",
            "20",
            "seconds after which a card is left to others; less than the station's verdict_timeout_s",
        ),
        (
            "reconnect_base_s",
            "3",
            "first pause before connecting again",
        ),
        ("reconnect_max_s", "300", "longest pause"),
        (
            "meter_values_sampled_data",
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
            "measurands of periodic readings",
        ),
        (
            "local_pre_authorize",
            "false",
            "accept cards known from the cache without asking",
        ),
        (
            "local_authorize_offline",
            "true",
            "accept cards known from the cache while the backend is away",
        ),
        (
            "apn",
            O::APN,
            "access point of the operator's SIM cards, for the modem",
        ),
        ("apn_user", O::APN_USER, "user at the access point"),
        (
            "apn_password",
            O::APN_PASSWORD,
            "password at the access point",
        ),
    ];
    let capabilities = [
        "net.connect",
        "authorize",
        "station.start",
        "station.stop",
        "station.unlock",
        "station.reset",
        "station.availability",
        "settings.read",
        "settings.write",
        "clock.set",
        "meter.read",
        "station.limit",
        "station.reserve",
        "diagnostics.read",
        "firmware.update",
        "certificates",
        "net.transfer",
    ];
    Manifest {
        name: O::NAME.to_owned(),
        version: O::version().to_owned(),
        summary: O::SUMMARY.to_owned(),
        capabilities: capabilities.map(str::to_owned).to_vec(),
        settings: settings
            .iter()
            .map(|(key, default_value, summary)| SettingSpec {
                key: (*key).to_owned(),
                default_value: (*default_value).to_owned(),
                summary: (*summary).to_owned(),
            })
            .collect(),
    }
}

/// The settings of an adapter, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterSettings {
    /// URL without the identity.
    pub url: String,
    /// Identity at the backend.
    pub identity: String,
    /// Password; empty = none.
    pub password: String,
    /// Seconds between pings.
    pub keep_alive_s: u32,
    /// Card numbers.
    pub token_format: TokenFormat,
    /// Heartbeats even while other messages show life.
    pub force_heartbeat: bool,
    /// When a connector counts as occupied.
    pub status_strategy: StatusStrategy,
    /// Charging only in state C.
    pub preparing_until_c: bool,
    /// Security events are told whatever the profile.
    pub security_events: bool,
    /// Public authorities are enough for TLS.
    pub public_trust: bool,
    /// Seconds to wait.
    pub connection_timeout_s: u32,
    /// Seconds after which a card is left to others.
    pub authorize_timeout_s: u32,
    /// First pause.
    pub reconnect_base_s: u32,
    /// Longest pause.
    pub reconnect_max_s: u32,
    /// Which settings made no sense, for people.
    pub complaint: Option<String>,
}

/// Looks a setting up.
pub(crate) fn find<'a>(settings: &'a [Setting], key: &str) -> Option<&'a str> {
    settings
        .iter()
        .find(|setting| setting.key == key)
        .map(|setting| setting.value.as_str())
}

impl StatusStrategy {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "occupied-on-charging" => Some(Self::OccupiedOnCharging),
            "occupied-on-authorized" => Some(Self::OccupiedOnAuthorized),
            _ => None,
        }
    }
}

/// Whether a setting of an adapter can be used as it is. Texts that only the backend can judge always can.
fn makes_sense(key: &str, value: &str) -> bool {
    let seconds = |min: u32| value.parse().is_ok_and(|s| (min..=WAIT_MAX_S).contains(&s));
    let flag = || matches!(value, "true" | "false");
    match key {
        "url" => ["ws://", "wss://"].iter().any(|scheme| {
            let host = value.strip_prefix(scheme);
            host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        }),
        "id_token_format" => TokenFormat::parse(value).is_some(),
        "status_strategy" => StatusStrategy::parse(value).is_some(),
        "force_heartbeat"
        | "preparing_until_c"
        | "allow_long_get_configuration_keys"
        | "security_events"
        | "public_trust" => flag(),
        given::SETTING => given::parse(value).is_some(),
        "keep_alive_s" => seconds(0),
        "connection_timeout_s" | "authorize_timeout_s" | "reconnect_base_s" | "reconnect_max_s" => {
            seconds(1)
        }
        // What a configuration key starts with must be a value of that key. A password that the key would refuse
        // is still what the operator's backend may want.
        "basic_auth_password" => true,
        _ => config::fits(key, value).unwrap_or(true),
    }
}

/// The settings with the operator's own default wherever one is missing or makes no sense.
///
/// The second part says for people which ones were replaced; it is in the log already. Settings of the station and
/// settings that no adapter has pass as they are.
#[must_use]
pub fn checked<O: Operator>(given: &[Setting]) -> (Vec<Setting>, Option<String>) {
    let mut settings = given.to_vec();
    let mut replaced = Vec::new();
    for spec in manifest::<O>().settings {
        let usable = find(given, &spec.key).map(|value| makes_sense(&spec.key, value));
        if usable == Some(true) {
            continue;
        }
        if usable == Some(false) {
            replaced.push(spec.key.clone());
        }
        settings.retain(|setting| setting.key != spec.key);
        settings.push(Setting {
            key: spec.key,
            value: spec.default_value,
        });
    }
    if replaced.is_empty() {
        return (settings, None);
    }
    // The values stay out of it: an address may carry a password.
    let complaint = format!(
        "settings that make no sense, default used: {}",
        replaced.join(", ")
    );
    log(Level::Error, &complaint);
    (settings, Some(complaint))
}

impl AdapterSettings {
    /// Reads the settings; what is missing or makes no sense is replaced by the operator's default, see [`checked`].
    #[must_use]
    pub fn read<O: Operator>(given: &[Setting], identity: &str) -> Self {
        let (settings, complaint) = checked::<O>(given);
        let text = |key| find(&settings, key).unwrap_or_default();
        let seconds = |key| text(key).parse().unwrap_or(0);
        let flag = |key| text(key) == "true";
        Self {
            url: text("url").to_owned(),
            identity: identity.to_owned(),
            password: text("basic_auth_password").to_owned(),
            keep_alive_s: seconds("keep_alive_s"),
            token_format: TokenFormat::parse(text("id_token_format")).unwrap_or(TokenFormat::Lower),
            force_heartbeat: flag("force_heartbeat"),
            status_strategy: StatusStrategy::parse(text("status_strategy"))
                .unwrap_or(StatusStrategy::OccupiedOnAuthorized),
            preparing_until_c: flag("preparing_until_c"),
            security_events: flag("security_events"),
            public_trust: flag("public_trust"),
            connection_timeout_s: seconds("connection_timeout_s"),
            authorize_timeout_s: seconds("authorize_timeout_s"),
            reconnect_base_s: seconds("reconnect_base_s"),
            reconnect_max_s: seconds("reconnect_max_s"),
            complaint,
        }
    }

    /// The URL to connect to: identity appended to the path after one slash, percent-encoded; a query stays behind it.
    #[must_use]
    pub fn connect_url(&self) -> String {
        let (path, query) = match self.url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.url.as_str(), None),
        };
        let mut url = path.trim_end_matches('/').to_owned();
        url.push('/');
        for byte in self.identity.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
        if let Some(query) = query {
            url.push('?');
            url.push_str(query);
        }
        url
    }
}

/// The bytes of a basic-authentication password: hexadecimal digits, from so many up to 40, are bytes; anything else
/// stands for itself.
#[must_use]
pub fn password_bytes(password: &str, digits_from: usize) -> Vec<u8> {
    let length = password.len();
    let hex = (digits_from..=40).contains(&length)
        && length.is_multiple_of(2)
        && password.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex {
        return password.as_bytes().to_vec();
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .unwrap_or(0)
    };
    password
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            pair.iter()
                .fold(0_u8, |byte, half| byte << 4 | digit(*half))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Peculiar;

    impl Operator for Peculiar {
        const NAME: &'static str = "backend-peculiar";
        const SUMMARY: &'static str = "Every preset differs from the usual.";
        const URL: &'static str = "wss://localhost/peculiar";
        const APN: &'static str = "a";
        const APN_USER: &'static str = "b";
        const APN_PASSWORD: &'static str = "c";
        const TOKEN_FORMAT: &'static str = "upper-reversed";
        const KEEP_ALIVE_S: u32 = 45;
        fn version() -> &'static str {
            "0.0.0"
        }
    }

    fn card() -> Token {
        Token {
            value: "0A0E9B83".to_owned(),
            kind: TokenKind::Rfid,
        }
    }

    #[test]
    fn card_numbers_have_four_forms() {
        for (name, text) in [
            ("lower", "0a0e9b83"),
            ("upper", "0A0E9B83"),
            ("lower-reversed", "839b0e0a"),
            ("upper-reversed", "839B0E0A"),
        ] {
            assert_eq!(TokenFormat::parse(name).unwrap().format(&card()), text);
        }
        assert_eq!(TokenFormat::parse("sideways"), None);
    }

    #[test]
    fn token_of_a_backend_goes_back_as_it_came() {
        let token = Token {
            value: "AbCd".to_owned(),
            kind: TokenKind::Central,
        };
        assert_eq!(TokenFormat::LowerReversed.format(&token), "AbCd");
    }

    #[test]
    fn identity_is_appended_after_one_slash_and_encoded() {
        for (url, identity, whole) in [
            ("ws://h/a", "CP 1/é", "ws://h/a/CP%201%2F%C3%A9"),
            ("ws://h/a/", "CP-1", "ws://h/a/CP-1"),
            ("ws://h", "..", "ws://h/.."),
            ("ws://h/a?k=1", "CP-1", "ws://h/a/CP-1?k=1"),
            ("ws://h/a/?k=/", "CP-1", "ws://h/a/CP-1?k=/"),
        ] {
            let settings = [Setting {
                key: "url".to_owned(),
                value: url.to_owned(),
            }];
            assert_eq!(
                AdapterSettings::read::<Peculiar>(&settings, identity).connect_url(),
                whole
            );
        }
    }

    #[test]
    fn hexadecimal_digits_are_bytes_if_there_are_enough_and_anything_else_is_itself() {
        let forty = "00ff".repeat(10);
        let bytes = password_bytes(&forty, 40);
        assert_eq!((bytes.len(), &bytes[..2]), (20, &[0, 255][..]));
        let digits = "00ff".repeat(8);
        assert_eq!(password_bytes(&digits, 40), digits.as_bytes());
        assert_eq!(password_bytes(&digits, 32).len(), 16);
        let odd = format!("{digits}0");
        assert_eq!(password_bytes(&odd, 32), odd.as_bytes());
        let text = "0123456789abcdefg";
        assert_eq!(password_bytes(text, 32), text.as_bytes());
    }

    #[test]
    fn setting_that_makes_no_sense_falls_back_to_the_operators_default() {
        let given: Vec<Setting> = manifest::<Peculiar>()
            .settings
            .into_iter()
            .map(|spec| Setting {
                value: if spec.default_value.is_empty() {
                    ""
                } else {
                    "?"
                }
                .to_owned(),
                key: spec.key,
            })
            .collect();
        let read = AdapterSettings::read::<Peculiar>(&given, "x");
        assert_eq!(read.url, Peculiar::URL);
        assert_eq!(read.token_format, TokenFormat::UpperReversed);
        assert_eq!(read.keep_alive_s, 45);
        assert_eq!(read.connection_timeout_s, 60);
        assert!(read.force_heartbeat && read.preparing_until_c);
        let complaint = read.complaint.unwrap();
        for key in [
            "url",
            "id_token_format",
            "keep_alive_s",
            "local_pre_authorize",
        ] {
            assert!(complaint.contains(key), "{complaint}");
        }
        assert!(
            !complaint.contains("apn"),
            "the modem judges that: {complaint}"
        );
    }

    #[test]
    fn missing_settings_are_the_operators_defaults_and_nothing_to_complain_about() {
        let read = AdapterSettings::read::<Peculiar>(&[], "x");
        assert_eq!(read.keep_alive_s, 45);
        assert_eq!(read.token_format, TokenFormat::UpperReversed);
        assert_eq!(read.complaint, None);
    }

    #[test]
    fn default_of_every_operator_setting_makes_sense() {
        let manifest = manifest::<Peculiar>();
        for spec in manifest.settings {
            assert!(makes_sense(&spec.key, &spec.default_value), "{}", spec.key);
        }
    }
}
