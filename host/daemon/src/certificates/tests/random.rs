//! Foreign text never does more than be refused.

use proptest::prelude::*;

use super::{Authority, NOW, State, certify, install};
use crate::certificates::station::pem;
use crate::certificates::{ChainInstalled, Installed, parse};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse::Facts::of(&bytes);
        let _ = parse::request(&bytes);
        let _ = parse::key_file(&bytes);
        let _ = parse::certificates(&String::from_utf8_lossy(&bytes));
        let _ = parse::certificates(&pem("CERTIFICATE", &bytes));
    }
}

#[test]
fn certificate_with_any_byte_changed_is_never_taken_for_another_root() {
    let state = State::new("mutated");
    let store = state.open();
    let root = Authority::new("root");
    for index in 0..root.der.len() {
        for mask in [0x01, 0x80, 0xFF] {
            let mut der = root.der.to_vec();
            der[index] ^= mask;
            let installed = store.install(super::CENTRAL, &pem("CERTIFICATE", &der), Some(NOW));
            assert!(
                matches!(installed, Installed::Rejected(_)),
                "byte {index}: {installed:?}"
            );
        }
    }
}

#[test]
fn certificate_of_the_station_with_any_byte_changed_is_rejected() {
    let state = State::new("mutated-leaf");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, super::CENTRAL, &root);
    certify(&store, &root);
    let leaf = store.identity().unwrap().cert[0].to_vec();
    for index in 0..leaf.len() {
        let mut der = leaf.clone();
        der[index] ^= 0x01;
        let installed = store.install_chain(&pem("CERTIFICATE", &der), Some(NOW));
        assert!(
            matches!(installed, ChainInstalled::Rejected(_)),
            "byte {index}: {installed:?}"
        );
    }
}
