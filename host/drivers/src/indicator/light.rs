//! Colours and patterns of lights, and patterns of the buzzer, as profiles write them.

use units::Millis;

/// Longest period of a pattern, ms. Longer: nobody would see that it is one.
const MAX_PERIOD_MS: u64 = 60_000;
/// Colours that take turns.
const MAX_COLOURS: usize = 8;

/// A colour of a light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Colour {
    /// Dark.
    #[default]
    Off,
    /// White.
    White,
    /// Red.
    Red,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Yellow.
    Yellow,
}

impl Colour {
    const ALL: [(&'static str, Self); 6] = [
        ("off", Self::Off),
        ("white", Self::White),
        ("red", Self::Red),
        ("green", Self::Green),
        ("blue", Self::Blue),
        ("yellow", Self::Yellow),
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(_, colour)| *colour == self);
        found.map_or("off", |(word, _)| word)
    }
}

/// A light: colours that take turns, or one that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Light {
    colours: Vec<Colour>,
    /// How long each colour stands; the whole, if there is only one.
    step: Millis,
    /// The light runs around the ring.
    pub rotates: bool,
    /// Times that all colours have their turn; `None` = for ever.
    repeats: Option<u64>,
}

impl Light {
    /// Reads a pattern: `green`, `green blink 2000` (period in ms, half of it dark), `green+yellow+blue cycle 500` (ms per
    /// colour), `white rotate 1000`; and `x5` behind it for five times.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let help = "write for example \"green\", \"blue blink 2000\", \"green+yellow+blue cycle 500\" or \"white rotate 1000\", \
                    with \"x5\" behind it for five times";
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let repeats = words.last().and_then(|last| last.strip_prefix('x'));
        let repeats = repeats.map(|count| count.parse::<u64>().map_err(|_| help.to_owned()));
        let repeats = repeats.transpose()?;
        if repeats.is_some() {
            words.pop();
        }
        let colour = |word: &str| {
            let found = Colour::ALL.into_iter().find(|(known, _)| *known == word);
            found.map(|(_, colour)| colour).ok_or_else(|| {
                format!("{word:?} is no colour; there are off, white, red, green, blue and yellow")
            })
        };
        let list = words.first().ok_or_else(|| help.to_owned())?;
        let mut colours = list.split('+').map(colour).collect::<Result<Vec<_>, _>>()?;
        let ms = |word: Option<&&str>| {
            let ms = word.and_then(|word| word.parse::<u64>().ok());
            let ms = ms.filter(|ms| (20..=MAX_PERIOD_MS).contains(ms));
            ms.ok_or_else(|| format!("a period has 20 to {MAX_PERIOD_MS} ms; {help}"))
        };
        let (mut rotates, mut step) = (false, Millis::new(MAX_PERIOD_MS));
        match words.get(1).copied() {
            None if colours.len() == 1 && repeats.is_none() => {}
            Some("blink") if colours.len() == 1 => {
                colours.push(Colour::Off);
                step = Millis::new(ms(words.get(2))? / 2);
            }
            Some("cycle") if (2..=MAX_COLOURS).contains(&colours.len()) => {
                step = Millis::new(ms(words.get(2))?);
            }
            Some("rotate") if colours.len() == 1 => {
                rotates = true;
                step = Millis::new(ms(words.get(2))?);
            }
            Some(_) | None => return Err(help.to_owned()),
        }
        if words.len() > 3 {
            return Err(help.to_owned());
        }
        Ok(Self {
            colours,
            step,
            rotates,
            repeats,
        })
    }

    /// The colour after this time.
    #[must_use]
    pub fn at(&self, age: Millis) -> Colour {
        let turn = age.get() / self.step.get().max(1);
        let count = u64::try_from(self.colours.len()).unwrap_or(1).max(1);
        let place = usize::try_from(turn % count).unwrap_or(0);
        self.colours.get(place).copied().unwrap_or_default()
    }

    /// Whether all repetitions are over.
    #[must_use]
    pub fn is_over(&self, age: Millis) -> bool {
        let count = u64::try_from(self.colours.len()).unwrap_or(1);
        let whole = self.step.get().saturating_mul(count);
        self.repeats
            .is_some_and(|repeats| age.get() >= whole.saturating_mul(repeats))
    }
}

/// A pattern of the buzzer: equal beeps with equal pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beeps {
    on: Millis,
    pause: Millis,
    count: u64,
}

impl Beeps {
    /// Reads a pattern: `beep 150`, or `beep 150 pause 500 x2`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let help = || "write for example \"beep 150\" or \"beep 150 pause 500 x2\" (ms)".to_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let ms = |word: &str| {
            let ms = word.parse::<u64>().ok();
            let ms = ms.filter(|ms| (20..=MAX_PERIOD_MS).contains(ms));
            ms.map(Millis::new).ok_or_else(help)
        };
        match words.as_slice() {
            ["beep", on] => Ok(Self {
                on: ms(on)?,
                pause: Millis::ZERO,
                count: 1,
            }),
            ["beep", on, "pause", pause, count] => {
                let count = count.strip_prefix('x').and_then(|n| n.parse().ok());
                Ok(Self {
                    on: ms(on)?,
                    pause: ms(pause)?,
                    count: count.filter(|n| (1..=10).contains(n)).ok_or_else(help)?,
                })
            }
            _ => Err(help()),
        }
    }

    /// Whether it sounds after this time.
    #[must_use]
    pub fn sounds(self, age: Millis) -> bool {
        let period = self.on.get().saturating_add(self.pause.get()).max(1);
        age.get() / period < self.count && age.get() % period < self.on.get()
    }
}
