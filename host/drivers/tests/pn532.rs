//! The protocol of the PN532 in virtual time, against a chip with faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod pn532_chip;

use drivers::pn532::{CardKind, Event, Failure, Firmware, Pn532, Product, Question, WAKE_UP};
use pn532_chip::{Chip, Fault, TestCard};
use units::Instant;

struct Bench {
    now: u64,
    chip: Chip,
    driver: Pn532,
    plugged: bool,
    wire: Vec<(u64, Vec<u8>)>,
    /// When a line was asked for.
    opened: Vec<u64>,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        Self {
            now: 0,
            chip: Chip::new(),
            driver: Pn532::new(Instant::ZERO),
            plugged: true,
            wire: Vec::new(),
            opened: Vec::new(),
            events: Vec::new(),
        }
    }

    /// With the reader set up.
    fn ready() -> Self {
        let mut bench = Self::new();
        bench.run(500);
        let firmware = Firmware {
            version: 1,
            revision: 6,
        };
        assert_eq!(bench.take(), [Event::Ready(firmware)]);
        bench
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += 1;
            let now = Instant::from_millis(self.now);
            if self.driver.is_down() {
                self.wire.clear();
            }
            if self.driver.wants_line(now) {
                self.opened.push(self.now);
                if self.plugged {
                    self.driver.handle_line_up(now);
                } else {
                    self.driver.handle_line_lost(now);
                }
            }
            self.driver.handle_timeout(now);
            let bytes = self.driver.take_bytes();
            if !bytes.is_empty() {
                let sent = self.chip.receive(&bytes);
                self.wire.extend(
                    sent.into_iter()
                        .map(|(wait, bytes)| (self.now + wait, bytes)),
                );
            }
            let (due, later) = self.wire.drain(..).partition(|(at, _)| *at <= self.now);
            self.wire = later;
            let due: Vec<(u64, Vec<u8>)> = due;
            for (_, bytes) in due {
                // In pieces, as a serial line delivers them.
                for piece in bytes.chunks(3) {
                    self.driver.handle_bytes(now, piece);
                }
            }
            while let Some(event) = self.driver.poll_event() {
                self.events.push(event);
            }
        }
    }

    fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Numbers of the cards reported since the last call; nothing else may have been.
    fn numbers(&mut self) -> Vec<String> {
        self.take()
            .into_iter()
            .map(|event| match event {
                Event::Card(card) => card.uid.to_string(),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

#[test]
fn reader_is_woken_and_set_up_before_the_first_look() {
    let mut bench = Bench::ready();
    let heard: Vec<&[u8]> = bench.chip.heard.iter().map(Vec::as_slice).collect();
    let expected: [&[u8]; 6] = [
        &[0x14, 0x01, 0x14, 0x00],
        &[0x02],
        &[0x32, 0x05, 0xFF, 0x01, 0x10],
        &[0x4A, 0x02, 0x00],
        &[0x32, 0x01, 0x00],
        &[0x4A, 0x02, 0x00],
    ];
    assert_eq!(heard[..6], expected);
    assert!(bench.take().is_empty());
    assert!(WAKE_UP.starts_with(&[0x55, 0x55, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn card_is_reported_once_while_it_stays_and_again_after_it_left() {
    let mut bench = Bench::ready();
    bench.chip.cards = vec![TestCard::example()];
    bench.run(600_000);
    assert_eq!(bench.numbers(), ["04567DAA5F3580"]);
    bench.chip.cards.clear();
    bench.run(1_500);
    assert!(bench.take().is_empty());
    bench.chip.cards = vec![TestCard::example()];
    bench.run(500);
    assert_eq!(bench.numbers(), ["04567DAA5F3580"]);
}

#[test]
fn card_that_is_missed_for_less_than_a_second_has_not_left() {
    let mut bench = Bench::ready();
    for _ in 0..50 {
        bench.chip.cards = vec![TestCard::example()];
        bench.run(300);
        bench.chip.cards.clear();
        bench.run(700);
    }
    assert_eq!(bench.numbers(), ["04567DAA5F3580"]);
}

#[test]
fn card_that_takes_another_ones_place_is_reported() {
    let mut bench = Bench::ready();
    bench.chip.cards = vec![TestCard::example()];
    bench.run(2_000);
    bench.chip.cards = vec![TestCard::classic()];
    bench.run(2_000);
    bench.chip.cards = vec![TestCard::example()];
    bench.run(2_000);
    assert_eq!(
        bench.numbers(),
        ["04567DAA5F3580", "0A0E9B83", "04567DAA5F3580"]
    );
}

#[test]
fn of_two_cards_none_is_taken_until_the_reader_was_empty() {
    let mut bench = Bench::ready();
    bench.chip.cards = vec![TestCard::example(), TestCard::classic()];
    bench.run(5_000);
    assert_eq!(bench.take(), [Event::Several]);
    bench.chip.cards = vec![TestCard::classic()];
    bench.run(5_000);
    assert!(bench.take().is_empty(), "the rest of a wallet is no choice");
    bench.chip.cards.clear();
    bench.run(1_500);
    bench.chip.cards = vec![TestCard::classic()];
    bench.run(500);
    assert_eq!(bench.numbers(), ["0A0E9B83"]);
    bench.chip.cards.push(TestCard::example());
    bench.run(5_000);
    assert_eq!(bench.take(), [Event::Several], "one was there already");
}

#[test]
fn two_cards_that_answer_in_turn_lie_on_the_reader_together() {
    let mut bench = Bench::ready();
    let (a, b) = (TestCard::example(), TestCard::classic());
    for _ in 0..20 {
        for card in [&a, &b] {
            bench.chip.cards = vec![card.clone()];
            let looks = bench.chip.looks();
            while bench.chip.looks() == looks {
                bench.run(1);
            }
        }
    }
    let events = bench.take();
    assert!(matches!(events[..], [Event::Card(_), Event::Several]));
}

#[test]
fn random_number_is_marked_and_reported_once_although_it_changes() {
    let mut bench = Bench::ready();
    bench.chip.cards = vec![TestCard::phone()];
    bench.run(60_000);
    let events = bench.take();
    let [Event::Card(card)] = events[..] else {
        panic!("{events:?}");
    };
    assert!(card.uid.is_random());
    assert_eq!(card.kind, CardKind::RandomUid);
    bench.chip.cards.clear();
    bench.run(1_500);
    bench.chip.cards = vec![TestCard::phone()];
    bench.run(1_000);
    assert_eq!(bench.numbers().len(), 1);
}

#[test]
fn numbers_have_four_seven_or_ten_bytes_without_cascade_tags() {
    for (sent, number) in [
        (vec![0x0A, 0x0E, 0x9B, 0x83], "0A0E9B83"),
        (vec![4, 1, 2, 3, 4, 5, 6], "04010203040506"),
        (vec![0x88, 4, 1, 2, 3, 4, 5, 6], "04010203040506"),
        (vec![4, 1, 2, 3, 4, 5, 6, 7, 8, 9], "04010203040506070809"),
        (
            vec![0x88, 4, 1, 2, 0x88, 3, 4, 5, 6, 7, 8, 9],
            "04010203040506070809",
        ),
    ] {
        let mut bench = Bench::ready();
        bench.chip.cards = vec![TestCard::new(&sent, 0x0044, 0x00, &[])];
        bench.run(1_000);
        assert_eq!(bench.numbers(), [number]);
    }
}

#[test]
fn card_without_a_possible_number_is_unreadable_once() {
    for uid in [&[][..], &[1, 2, 3, 4, 5], &[0x88, 1, 2, 3, 4, 5, 6, 7, 8]] {
        let mut bench = Bench::ready();
        bench.chip.cards = vec![TestCard::new(uid, 0x0004, 0x08, &[])];
        bench.run(5_000);
        assert_eq!(bench.take(), [Event::Unreadable]);
        bench.chip.cards.clear();
        bench.run(1_500);
        bench.chip.cards = vec![TestCard::classic()];
        bench.run(1_000);
        assert_eq!(bench.numbers(), ["0A0E9B83"]);
    }
}

#[test]
fn answers_that_end_too_early_or_count_too_many_cards_are_unreadable() {
    let bodies: [&[u8]; 6] = [
        &[],
        &[1],
        &[1, 1, 0, 4, 8],
        &[1, 1, 0, 4, 8, 4, 1, 2, 3],
        &[1, 1, 3, 0x44, 0x20, 4, 1, 2, 3, 4, 9, 0x75],
        &[200],
    ];
    for body in bodies {
        let mut bench = Bench::ready();
        bench.chip.look_reply = Some(body.to_vec());
        bench.run(1_000);
        assert_eq!(bench.take(), [Event::Unreadable], "{body:02X?}");
    }
}

#[test]
fn held_card_that_answers_badly_once_is_still_the_held_card() {
    let mut bench = Bench::ready();
    bench.chip.cards = vec![TestCard::example()];
    bench.run(1_000);
    bench.chip.look_reply = Some(vec![1, 1, 0, 4]);
    bench.run(1_000);
    bench.chip.look_reply = None;
    bench.run(1_000);
    assert_eq!(bench.numbers(), ["04567DAA5F3580"]);
}

/// A card of each product as it answers (docs/spec/readers.md), and what can be told from that.
fn sample(product: Product) -> (TestCard, CardKind) {
    let seven = |last| [0x04, 0x21, 0x32, 0x43, 0x54, 0x65, last];
    let (s, x, se) = (
        [
            0x78, 0x77, 0x88, 0x02, 0xC1, 0x05, 0x2F, 0x2F, 0x00, 0x35, 0xC7,
        ],
        [
            0x75, 0x77, 0x84, 0x02, 0xC1, 0x05, 0x2F, 0x2F, 0x01, 0xBC, 0xD6,
        ],
        [
            0x75, 0x77, 0x80, 0x02, 0xC1, 0x05, 0x21, 0x30, 0x00, 0xF6, 0xD1,
        ],
    );
    let desfire = [0x75, 0x77, 0x81, 0x02, 0x80];
    let (atqa, sak, ats, kind): (u16, u8, &[u8], CardKind) = match product {
        Product::Classic1k => {
            let card = TestCard::new(&[0x0A, 0x0E, 0x9B, 0x83], 0x0004, 0x08, &[]);
            return (card, CardKind::Classic1k);
        }
        Product::Classic4k => {
            let card = TestCard::new(&[0xE4, 0x3A, 0xC9, 0xD2], 0x0002, 0x18, &[]);
            return (card, CardKind::Classic4k);
        }
        Product::Mifare2Go => return (TestCard::phone(), CardKind::RandomUid),
        Product::Ultralight | Product::UltralightC => (0x0044, 0x00, &[], CardKind::Ultralight),
        Product::PlusS => (0x0044, 0x20, &s, CardKind::PlusS),
        Product::PlusX | Product::PlusEv2 => (0x0042, 0x20, &x, CardKind::PlusX),
        Product::PlusSe => (0x0044, 0x20, &se, CardKind::PlusSe),
        Product::Desfire | Product::DesfireEv1 | Product::DesfireEv2 | Product::DesfireEv3 => {
            (0x0344, 0x20, &desfire, CardKind::Desfire)
        }
        Product::SmartMx => (
            0x0044,
            0x28,
            &[0x38, 0x77, 0xB1, 0x4A],
            CardKind::SmartMxClassic,
        ),
    };
    (TestCard::new(&seven(product as u8), atqa, sak, ats), kind)
}

// acceptance: P127
#[test]
fn every_card_of_the_manuals_list_is_read_and_called_what_it_may_be() {
    let mut bench = Bench::ready();
    for product in Product::ALL {
        let (card, kind) = sample(product);
        bench.chip.cards = vec![card.clone()];
        bench.run(1_000);
        let events = bench.take();
        let [Event::Card(read)] = events[..] else {
            panic!("{product:?}: {events:?}");
        };
        if card.random {
            assert!(read.uid.is_random(), "{product:?}");
        } else {
            assert_eq!(read.uid.bytes(), card.uid, "{product:?}");
        }
        assert_eq!((read.atqa, read.sak), (card.atqa, card.sak), "{product:?}");
        assert_eq!(read.kind, kind, "{product:?}");
        assert!(kind.candidates().contains(&product), "{product:?}: {kind}");
        bench.chip.cards.clear();
        bench.run(1_500);
    }
}

#[test]
fn security_level_1_and_phones_that_answer_as_cards_are_not_called_one_product() {
    for (sak, kind) in [
        (0x08, CardKind::Classic1k),
        (0x18, CardKind::Classic4k),
        (0x11, CardKind::PlusLevel2),
        (0x38, CardKind::SmartMxClassic),
        (0x53, CardKind::Other),
    ] {
        let mut bench = Bench::ready();
        bench.chip.cards = vec![TestCard::new(&[4, 1, 2, 3, 4, 5, 6], 0x0042, sak, &[])];
        bench.run(1_000);
        let events = bench.take();
        assert!(matches!(events[..], [Event::Card(card)] if card.kind == kind));
    }
    assert!(CardKind::Classic1k.candidates().contains(&Product::PlusX));
    assert!(CardKind::Iso14443Part4.candidates().len() > 1);
    assert!(CardKind::Other.candidates().is_empty());
}

#[test]
fn two_faults_in_a_row_are_survived_without_a_word() {
    for fault in [
        Fault::LoseCommands(2),
        Fault::LoseReplies(2),
        Fault::DamageReplies(2),
        Fault::Refuse(2),
        Fault::Nack(2),
    ] {
        let mut bench = Bench::ready();
        bench.chip.fault = fault;
        bench.run(3_000);
        bench.chip.cards = vec![TestCard::classic()];
        bench.run(1_000);
        assert_eq!(bench.numbers(), ["0A0E9B83"], "{fault:?}");
        assert_eq!(bench.opened.len(), 1, "{fault:?}");
    }
}

#[test]
fn command_without_acknowledgement_is_tried_three_times_in_100_ms_each() {
    let mut bench = Bench::ready();
    let before = bench.chip.heard.len();
    bench.chip.fault = Fault::LoseCommands(u32::MAX);
    let begin = bench.now;
    while bench.take().is_empty() {
        bench.run(1);
    }
    assert_eq!(bench.chip.heard.len() - before, 3);
    // A rest between looks, three times 100 ms, two pauses of 20 ms.
    assert!((300..=450).contains(&(bench.now - begin)));
    assert_eq!(bench.chip.aborts, 2);
}

#[test]
fn command_that_takes_long_is_ended_before_it_is_sent_again() {
    let mut bench = Bench::ready();
    bench.chip.fault = Fault::LoseReplies(1);
    bench.run(1_500);
    assert_eq!(bench.chip.aborts, 1);
    assert!(bench.take().is_empty());
}

#[test]
fn slow_reader_is_a_reader() {
    let mut bench = Bench::ready();
    bench.chip.delay_ms = 800;
    bench.chip.cards = vec![TestCard::classic()];
    bench.run(30_000);
    assert_eq!(bench.numbers(), ["0A0E9B83"]);
    assert!(!bench.driver.is_silent());
}

#[test]
fn reader_that_stays_silent_is_tried_less_and_less_often() {
    let mut bench = Bench::ready();
    bench.chip.fault = Fault::Silent;
    bench.run(120_000);
    assert!(bench.driver.is_silent());
    let gaps: Vec<u64> = bench.opened.windows(2).map(|w| w[1] - w[0]).collect();
    // From one attempt to the next: three tries of about 340 ms in all, and the wait.
    for (gap, wait) in gaps[1..]
        .iter()
        .zip([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    {
        assert!((wait + 300..=wait + 400).contains(gap), "{gaps:?}");
    }
    let failures = bench.take();
    assert_eq!(failures[0], Event::Failed(Failure::Silent(Question::Look)));
    assert_eq!(
        failures[1],
        Event::Failed(Failure::Silent(Question::Normal))
    );
}

#[test]
fn one_glitch_is_not_silence() {
    let mut bench = Bench::ready();
    bench.chip.fault = Fault::LoseCommands(3);
    bench.run(500);
    assert_eq!(bench.take().len(), 1);
    assert!(!bench.driver.is_silent());
    bench.run(1_000);
    assert!(matches!(bench.take()[..], [Event::Ready(_)]));
}

#[test]
fn reader_that_was_away_is_set_up_anew_and_the_card_on_it_is_not_a_new_one() {
    let mut bench = Bench::ready();
    bench.chip.cards = vec![TestCard::example()];
    bench.run(1_000);
    assert_eq!(bench.numbers().len(), 1);
    bench.plugged = false;
    bench.chip.power_cycle();
    let now = Instant::from_millis(bench.now);
    bench.driver.handle_line_lost(now);
    bench.run(20_000);
    assert!(bench.driver.is_silent());
    assert!(
        bench
            .take()
            .iter()
            .all(|event| *event == Event::Failed(Failure::Line))
    );
    bench.plugged = true;
    bench.run(11_000);
    assert!(!bench.driver.is_silent());
    assert!(matches!(bench.take()[..], [Event::Ready(_)]));
    bench.chip.cards.clear();
    bench.run(1_500);
    bench.chip.cards = vec![TestCard::example()];
    bench.run(1_000);
    assert_eq!(bench.numbers().len(), 1);
}

#[test]
fn reader_that_lost_its_supply_for_a_moment_is_woken_and_set_up_again() {
    let mut bench = Bench::ready();
    bench.chip.power_cycle();
    bench.run(2_000);
    assert!(matches!(
        bench.take()[..],
        [Event::Failed(_), Event::Ready(_)]
    ));
}

#[test]
fn what_is_no_pn532_never_becomes_a_reader() {
    for (fault, failure) in [
        (Fault::OtherChip, Some(Failure::OtherChip)),
        (Fault::Echo, None),
        (Fault::Garbage, None),
        (
            Fault::Refuse(u32::MAX),
            Some(Failure::Refused(Question::Normal)),
        ),
    ] {
        let mut bench = Bench::new();
        bench.chip.fault = fault;
        bench.run(60_000);
        assert!(bench.driver.is_silent(), "{fault:?}");
        let events = bench.take();
        assert!(!events.is_empty());
        for event in events {
            let Event::Failed(why) = event else {
                panic!("{fault:?}: {event:?}");
            };
            assert_eq!(why, failure.unwrap_or(why), "{fault:?}");
        }
    }
}

#[test]
fn line_that_never_stops_talking_nonsense_is_given_up() {
    let mut bench = Bench::ready();
    let now = Instant::from_millis(bench.now);
    for _ in 0..100 {
        bench.driver.handle_bytes(now, &[0xAA; 64]);
    }
    assert!(bench.driver.is_down());
    assert_eq!(
        bench.driver.poll_event(),
        Some(Event::Failed(Failure::Garbage))
    );
    bench.run(2_000);
    assert!(matches!(bench.take()[..], [Event::Ready(_)]));
}
