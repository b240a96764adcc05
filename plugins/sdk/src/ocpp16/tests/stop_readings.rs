//! `transactionData` of StopTransaction: kept over new instances, bounded in number and in flash.

use super::*;

/// What a session may write to flash in all.
const SESSION_BYTES: usize = 64 * 1_024;

impl Host {
    /// Online, with these measurands for StopTransaction, and no other messages.
    fn with_stop_data(sampled: &str, aligned: &str) -> Self {
        let mut host = Self::online(&[("meter_values_sampled_data", "")]);
        for (key, value) in [
            ("StopTxnSampledData", sampled),
            ("StopTxnAlignedData", aligned),
            ("MeterValuesAlignedData", ""),
            ("HeartbeatInterval", "0"),
        ] {
            let change = json!({"key": key, "value": value});
            host.call(key, "ChangeConfiguration", &change);
            assert_eq!(host.taken_answer(key)[2]["status"], "Accepted");
        }
        host.started(1);
        host.answer("StartTransaction", &start_answer(7, "Accepted"));
        host.written = 0;
        host
    }

    /// A minute later the station has read everything it can.
    fn read(&mut self, context: ReadingContext) {
        self.now += 60_000;
        let phases = [Phase::L1, Phase::L2, Phase::L3];
        let three = |measurand| {
            phases.map(|phase| Sample {
                measurand,
                phase: Some(phase),
                value: 230_123,
            })
        };
        let one = |measurand, value| Sample {
            measurand,
            phase: None,
            value,
        };
        let mut samples = vec![
            one(Measurand::EnergyImportRegisterWh, 12_345_678),
            one(Measurand::PowerImportW, 22_000),
            one(Measurand::TemperatureDc, -215),
            one(Measurand::SocPercent, 50),
        ];
        samples.extend(three(Measurand::CurrentImportMa));
        samples.extend(three(Measurand::VoltageMv));
        let reading = MeterReading {
            evse_id: 1,
            at: moment(self.now),
            context,
            samples,
        };
        self.journal(JournalEvent::Metered((1, reading)));
    }

    fn stop(&mut self) -> Vec<Value> {
        self.ended(1);
        let stop = self.answer("StopTransaction", &json!({}));
        let data = stop["transactionData"].as_array();
        data.cloned().unwrap_or_default()
    }

    fn rows(&self) -> usize {
        self.store
            .keys()
            .filter(|key| key.starts_with("rd/"))
            .count()
    }
}

fn contexts(data: &[Value]) -> Vec<&str> {
    data.iter()
        .map(|value| value["sampledValue"][0]["context"].as_str().unwrap())
        .collect()
}

#[test]
fn nothing_is_kept_unless_the_keys_ask_for_it() {
    let mut host = Host::with_stop_data("", "");
    for _ in 0..100 {
        host.read(ReadingContext::SamplePeriodic);
    }
    assert_eq!((host.rows(), host.written), (0, 0));
    host.ended(1);
    let (_, stop) = host.take("StopTransaction");
    assert_eq!(stop.get("transactionData"), None);
}

#[test]
fn readings_for_the_end_are_there_after_a_trap_or_a_swap() {
    let mut whole = Host::with_stop_data("Energy.Active.Import.Register,Voltage", "SoC");
    let mut broken = Host::with_stop_data("Energy.Active.Import.Register,Voltage", "SoC");
    for host in [&mut whole, &mut broken] {
        host.read(ReadingContext::TransactionBegin);
        host.read(ReadingContext::SamplePeriodic);
        host.read(ReadingContext::SampleClock);
    }
    broken.replace(true);
    broken.answer_all(&json!({}));
    for host in [&mut whole, &mut broken] {
        host.read(ReadingContext::SamplePeriodic);
    }
    broken.replace(true);
    broken.answer_all(&json!({}));
    for host in [&mut whole, &mut broken] {
        host.read(ReadingContext::TransactionEnd);
    }
    let (whole, after) = (whole.stop(), broken.stop());
    assert_eq!(whole, after, "the backend sees no difference");
    assert_eq!(
        contexts(&after),
        [
            "Transaction.Begin",
            "Sample.Periodic",
            "Sample.Clock",
            "Sample.Periodic",
            "Transaction.End"
        ]
    );
    assert_eq!(after[0]["sampledValue"].as_array().unwrap().len(), 4);
    assert_eq!(after[0]["sampledValue"][1]["phase"], "L1-N");
    assert_eq!(after[2]["sampledValue"][0]["measurand"], "SoC");
    assert_eq!(broken.rows(), 0, "nothing is left behind");
}

#[test]
fn long_session_keeps_readings_further_apart_with_first_and_last_and_spares_the_flash() {
    let everything = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,\
                      Temperature,SoC";
    for (measurands, minutes) in [
        ("Energy.Active.Import.Register", 20_000),
        (everything, 20_000),
        (everything, 100),
    ] {
        let mut host = Host::with_stop_data(measurands, "");
        host.read(ReadingContext::TransactionBegin);
        for minute in 0..minutes {
            host.read(ReadingContext::SamplePeriodic);
            if minute % 1_000 == 999 {
                host.replace(true);
                host.answer_all(&json!({}));
            }
            assert!(host.rows() <= STOP_READINGS);
        }
        host.read(ReadingContext::TransactionEnd);
        let data = host.stop();
        let values: usize = data
            .iter()
            .map(|value| value["sampledValue"].as_array().unwrap().len())
            .sum();
        assert!(data.len() <= STOP_READINGS && values <= STOP_VALUES);
        assert!(values >= STOP_VALUES / 4 || data.len() >= STOP_READINGS / 4);
        let contexts = contexts(&data);
        assert_eq!(contexts.first(), Some(&"Transaction.Begin"));
        assert_eq!(contexts.last(), Some(&"Transaction.End"));
        let times: Vec<&str> = data
            .iter()
            .map(|v| v["timestamp"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        assert!(host.written <= SESSION_BYTES, "{} bytes", host.written);
        assert_eq!(host.rows(), 0);
    }
}

#[test]
fn stored_reading_that_makes_no_sense_is_as_good_as_none() {
    let mut host = Host::with_stop_data("SoC", "");
    host.read(ReadingContext::TransactionBegin);
    host.store.insert("rd/1/1".to_owned(), b"[rubbish".to_vec());
    host.store.insert("rd/one/1".to_owned(), b"[]".to_vec());
    host.replace(true);
    host.answer_all(&json!({}));
    host.read(ReadingContext::TransactionEnd);
    assert_eq!(host.stop().len(), 2);
}
