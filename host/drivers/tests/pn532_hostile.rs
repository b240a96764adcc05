//! Frames of the PN532 as a specification, and hostile bytes: the fuzz target's entry point with a seeded generator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

#[path = "../../../fuzz/entry_pn532.rs"]
mod entry;

use drivers::pn532::{ACK, Decoder, Frame, NACK, PAYLOAD_BYTES_MAX, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const ERROR: [u8; 8] = [0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00];

fn decode_with(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for byte in bytes {
        decoder.push(*byte);
        while let Some(frame) = decoder.next_frame() {
            frames.push(frame);
        }
    }
    frames
}

fn decode(bytes: &[u8]) -> Vec<Frame> {
    decode_with(&mut Decoder::default(), bytes)
}

#[test]
fn frames_are_written_and_read_as_the_documentation_shows_them() {
    let golden: [(&[u8], &[u8]); 4] = [
        (
            &[0xD4, 0x02],
            &[0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00],
        ),
        (
            &[0xD5, 0x03, 0x32, 0x01, 0x06, 0x07],
            &[
                0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xE8, 0x00,
            ],
        ),
        (
            &[0xD4, 0x14, 0x01, 0x14, 0x00],
            &[
                0x00, 0x00, 0xFF, 0x05, 0xFB, 0xD4, 0x14, 0x01, 0x14, 0x00, 0x03, 0x00,
            ],
        ),
        (
            &[
                0xD5, 0x4B, 0x01, 0x01, 0x00, 0x44, 0x00, 0x07, 0x04, 0x56, 0x7D, 0xAA, 0x5F, 0x35,
                0x80,
            ],
            &[
                0x00, 0x00, 0xFF, 0x0F, 0xF1, 0xD5, 0x4B, 0x01, 0x01, 0x00, 0x44, 0x00, 0x07, 0x04,
                0x56, 0x7D, 0xAA, 0x5F, 0x35, 0x80, 0xFE, 0x00,
            ],
        ),
    ];
    for (data, frame) in golden {
        assert_eq!(encode(data).as_deref(), Some(frame));
        assert_eq!(decode(frame), [Frame::Data(data.to_vec())]);
        // Zeros at both ends may be missing.
        assert_eq!(
            decode(&frame[1..frame.len() - 1]),
            [Frame::Data(data.to_vec())]
        );
    }
    assert_eq!(decode(&ACK), [Frame::Ack]);
    assert_eq!(decode(&NACK), [Frame::Nack]);
    assert_eq!(decode(&ERROR), [Frame::Error]);
    assert_eq!(encode(&[]), None);
    assert_eq!(encode(&[0; PAYLOAD_BYTES_MAX + 1]), None);
}

#[test]
fn frame_with_a_wrong_sum_is_none_and_is_noticed() {
    let mut frame = encode(&[0xD5, 0x03, 0x32]).unwrap();
    frame[6] ^= 1;
    let mut decoder = Decoder::default();
    assert_eq!(decode_with(&mut decoder, &frame), []);
    assert!(decoder.take_damaged());
    assert!(!decoder.take_damaged());
    assert_eq!(decode_with(&mut decoder, &ACK), [Frame::Ack]);
}

#[test]
fn beginning_that_turns_out_to_be_none_takes_nothing_with_it() {
    // A start code with a length that does not fit, right before a frame, and one inside a damaged frame.
    let bytes = [&[0x00, 0xFF, 0x03, 0x07, 0x00, 0xFF][..], &ACK].concat();
    assert_eq!(decode(&bytes), [Frame::Ack]);
    let bytes = [&[0x00, 0xFF, 0x06, 0xFA][..], &ACK, &[0x55]].concat();
    assert_eq!(decode(&bytes), [Frame::Ack]);
}

#[test]
fn bytes_of_a_card_cannot_pass_for_a_frame() {
    // A card chooses its number; one that looks like an acknowledgement is still a number.
    let mut data = vec![0xD5, 0x4B, 0x01, 0x01, 0x00, 0x44, 0x00, 0x0A];
    data.extend_from_slice(&ACK);
    data.extend_from_slice(&[1, 2, 3, 4]);
    let frame = encode(&data).unwrap();
    assert_eq!(decode(&frame), [Frame::Data(data)]);
}

/// A start code whose length byte fits, so that bytes behind it are waited for.
fn swallows(noise: &[u8]) -> bool {
    // The frame's own zeros may complete a beginning at the end of the noise.
    let noise = [noise, &[0x00, 0x00, 0xFF]].concat();
    noise.windows(4).any(|w| {
        w[..2] == [0x00, 0xFF]
            && (w[2].wrapping_add(w[3]) == 0 || w[2..] == [0x00, 0xFF] || w[2..] == [0xFF, 0x00])
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(data in vec(any::<u8>(), 1..=PAYLOAD_BYTES_MAX)) {
        prop_assume!(data != [0x7F]);
        let frame = encode(&data).unwrap();
        prop_assert_eq!(decode(&frame), [Frame::Data(data)]);
    }

    #[test]
    fn frame_survives_noise_before_it(
        noise in vec(prop_oneof![any::<u8>(), select(vec![0x00, 0xFF, 0x55])], 0..300),
        data in vec(any::<u8>(), 2..40),
    ) {
        prop_assume!(!swallows(&noise));
        let frame = encode(&data).unwrap();
        let bytes = [noise, frame].concat();
        prop_assert_eq!(decode(&bytes), [Frame::Data(data)]);
    }

    #[test]
    fn frame_behind_a_false_beginning_is_found_when_that_turns_out(
        len in 1_u8..=0xFE,
        inside in vec(1_u8..=0xFE, 0..300),
        data in vec(any::<u8>(), 2..40),
    ) {
        // A beginning that announces `len` bytes which never come, and 0xAA for as long as it waits for them.
        let mut bytes = vec![0x00, 0xFF, len, len.wrapping_neg()];
        let kept = usize::from(len).min(inside.len());
        bytes.extend_from_slice(&inside[..kept]);
        let frame = encode(&data).unwrap();
        bytes.extend_from_slice(&frame);
        bytes.extend_from_slice(&[0xAA; PAYLOAD_BYTES_MAX + 5]);
        let frames = decode(&bytes);
        let found = frames.contains(&Frame::Data(data));
        // One time in 256 the false beginning has a right sum; nobody can tell then.
        let fooled = frames.iter().any(|f| matches!(f, Frame::Data(d) if d.len() == usize::from(len)));
        prop_assert!(found || fooled, "{frames:?}");
    }

    #[test]
    fn pieces_make_no_difference(bytes in vec(select(vec![0x00, 0xFF, 0x01, 0x02, 0xFE, 0xD5, 0x2B]), 0..600)) {
        let at_once = decode(&bytes);
        let mut decoder = Decoder::default();
        let pieces: Vec<Frame> = bytes
            .chunks(7)
            .flat_map(|piece| decode_with(&mut decoder, piece))
            .collect();
        prop_assert_eq!(pieces, at_once);
        prop_assert!(decoder.waiting() <= PAYLOAD_BYTES_MAX + 5);
    }

    #[test]
    fn any_bytes_in_any_pieces_are_borne(data in vec(any::<u8>(), 0..4_000)) {
        entry::pn532(&data);
    }

    #[test]
    fn what_a_reader_would_send_with_some_bytes_changed_is_borne(
        seed in 0_usize..4,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut data = corpus().swap_remove(seed);
        for (place, byte) in changes {
            *place.get_mut(&mut data) = byte;
        }
        data.truncate(cut.index(data.len()) + 1);
        entry::pn532(&data);
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/pn532");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 4);
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}
