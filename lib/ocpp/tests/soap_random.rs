//! Random messages of every action in both directions through the envelopes of both versions.
//!
//! They grow from the samples: fields are left out, texts, numbers, times and words are replaced; what the message types
//! take is a message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

#[path = "common/mod.rs"]
mod common;
mod soap_support;

use common::Random;
use ocpp::soap::{Codec, Service, Version, is_carried};
use ocpp::v16::*;
use serde_json::{Value, json};
use soap_support::{Message, SERVICES, codecs, samples};

const SEED: u64 = 0x5_0a9;
const MESSAGES_PER_SAMPLE: usize = 120;

/// Every word of the enumerations that messages of OCPP-S have.
fn words() -> Vec<&'static str> {
    let mut words = Vec::new();
    macro_rules! all {
        ($($name:ident)*) => { $( words.extend($name::ALL.iter().map(|word| word.as_str())); )* };
    }
    all!(AuthorizationStatus RegistrationStatus AvailabilityType AvailabilityStatus ConfigurationStatus
        DataTransferStatus ResetType ChargePointErrorCode ChargePointStatus Reason UnlockStatus ReadingContext
        ValueFormat Measurand Phase Location UnitOfMeasure ChargingProfilePurpose ChargingProfileKind RecurrencyKind
        ChargingRateUnit ClearChargingProfileStatus ChargingProfileStatus UpdateType UpdateStatus MessageTrigger
        TriggerMessageStatus DiagnosticsStatus FirmwareStatus ReservationStatus GenericStatus);
    words
}

fn text(random: &mut Random) -> String {
    const ODD: &[&str] = &[
        "<",
        ">",
        "&",
        "\"",
        "'",
        "]]>",
        "<![CDATA[",
        "&amp;",
        "&#0;",
        " ",
        "\r\n",
        "\t",
        "\u{85}",
        "\u{2028}",
        "é",
        "🔌",
        "\u{fffd}",
        "<!--",
        "a",
        "B7",
        "",
    ];
    let pieces = random.below(6);
    (0..pieces).map(|_| ODD[random.below(ODD.len())]).collect()
}

/// Changes one place of a payload, keeping its JSON type.
fn change(value: &mut Value, words: &[&str], random: &mut Random) {
    match value {
        Value::Object(object) => {
            let keys: Vec<String> = object.keys().cloned().collect();
            if keys.is_empty() {
                return;
            }
            let key = &keys[random.below(keys.len())];
            if random.below(6) == 0 {
                object.remove(key);
            } else {
                change(&mut object[key.as_str()], words, random);
            }
        }
        Value::Array(items) => {
            let at = random.below(items.len() + 1);
            match items.get_mut(at) {
                Some(item) => change(item, words, random),
                None => {
                    if let Some(first) = items.first().cloned() {
                        items.push(first);
                    }
                }
            }
        }
        Value::String(old) => {
            *value = match random.below(3) {
                0 => json!(words[random.below(words.len())]),
                1 => {
                    let ms = random.next() % 4_102_444_800_000;
                    let ms = i64::try_from(ms).unwrap();
                    json!(format_timestamp(units::Timestamp::from_unix_millis(ms)))
                }
                _ => json!(format!(
                    "{}{}",
                    text(random),
                    &old.chars().take(3).collect::<String>()
                )),
            };
        }
        Value::Number(number) => {
            *value = if number.is_f64() || random.below(4) == 0 {
                let tenths = random.below(100_000);
                serde_json::from_str(&format!("{}.{}", tenths / 10, tenths % 10)).unwrap()
            } else {
                json!(i64::from_ne_bytes(random.next().to_ne_bytes()) >> random.below(60))
            };
        }
        Value::Bool(flag) => *flag = !*flag,
        Value::Null => {}
    }
}

/// Calls `check` with random messages that the codec can say, and returns how many there were.
fn each(mut check: impl FnMut(Codec, &Message, &str)) -> u32 {
    println!("seed {SEED:#x}");
    let (mut random, words, mut count) = (Random(SEED), words(), 0);
    for sample in samples() {
        let mut message = sample.clone();
        for round in 0..MESSAGES_PER_SAMPLE {
            if round % 20 == 0 {
                message = sample.clone();
            }
            let mut payload = message.payload();
            change(&mut payload, &words, &mut random);
            if let Some(changed) = message.decode(&payload) {
                message = changed;
            }
            for codec in codecs() {
                if let Some(text) = message.write(codec) {
                    check(codec, &message, &text);
                    count += 1;
                }
            }
        }
    }
    count
}

/// What the service description of 1.6 cannot keep apart: an empty list and none, two spellings, a unit it lacks.
fn as_in_16(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
            if object.get("unit") == Some(&json!("Hertz")) {
                object.remove("unit");
            }
            if let Some(unit) = object.get_mut("unit")
                && unit == "Celcius"
            {
                *unit = json!("Celsius");
            }
            object.values_mut().for_each(as_in_16);
        }
        Value::Array(items) => items.iter_mut().for_each(as_in_16),
        _ => {}
    }
}

fn is_16(codec: Codec) -> bool {
    SERVICES
        .map(|service| Codec::new(Version::Ocpp16, service))
        .contains(&codec)
}

#[test]
fn every_message_comes_back_from_an_envelope_of_1_6_as_it_went_in() {
    let count = each(|codec, message, text| {
        if is_16(codec) {
            let mut wanted = message.payload();
            as_in_16(&mut wanted);
            let wanted = message.decode(&wanted);
            assert_eq!(Some(message.read(codec, text)), wanted, "{text}");
        }
    });
    println!("{count} envelopes");
    assert!(count > 5_000, "{count}");
}

#[test]
fn what_1_5_could_say_it_says_again_in_the_same_words() {
    let codecs_15 = SERVICES.map(|service| Codec::new(Version::Ocpp15, service));
    each(|codec, message, text| {
        if codecs_15.contains(&codec) {
            let back = message.read(codec, text);
            let again = back.write(codec).expect("what 1.5 said can be said");
            // Going through once may lose; going through twice must not.
            assert_eq!(back.read(codec, &again), back, "{text}\n{again}");
        }
    });
}

#[test]
fn characters_that_xml_cannot_carry_are_replaced_and_nothing_else_is() {
    let codec = Codec::new(Version::Ocpp16, Service::CentralSystem);
    for c in (0..=0x10_ffff_u32)
        .step_by(7)
        .chain(0..0x100)
        .filter_map(char::from_u32)
    {
        let request = DataTransferRequest {
            vendor_id: CiString::truncated("v"),
            message_id: None,
            data: Some(format!("a{c}b")),
        };
        let text = Message::Request(request.into());
        let written = text.write(codec).unwrap();
        let Message::Request(Request::DataTransfer(back)) = text.read(codec, &written) else {
            panic!("another message");
        };
        let kept = if is_carried(c) { c } else { '\u{fffd}' };
        assert_eq!(back.data, Some(format!("a{kept}b")), "{:x}", u32::from(c));
    }
}
