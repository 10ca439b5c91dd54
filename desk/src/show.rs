//! How times, ages and foreign text are written.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use chrono::{DateTime, Utc};

/// Longer text is cut in listings.
const LONGEST: usize = 120;

/// A time of the pages, in UTC, and how long ago it was. It writes HTML.
pub(crate) struct Moment {
    time: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Moment {
    pub(crate) fn new(time: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { time, now }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.time.format("%Y-%m-%dT%H:%M:%SZ");
        let utc = utc(self.time);
        let distance = (self.now - self.time).abs().to_std().unwrap_or_default();
        let age = age(distance);
        let age = if self.time <= self.now {
            format!("{age} ago")
        } else {
            format!("in {age}")
        };
        write!(
            f,
            "<time datetime=\"{machine}\">{utc}</time> <span class=\"age\">({age})</span>"
        )
    }
}

pub(crate) fn utc(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The two largest units of a duration.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) => format!("{} ms", age.as_millis()),
        (0, 0, 0, ..10) => format!("{seconds}.{} s", age.subsec_millis() / 100),
        (0, 0, 0, _) => format!("{seconds} s"),
        (0, 0, _, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Text from outside, with characters that would be invisible, or turn the text around them, made visible.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\u{7f}'
            | '\0'..='\u{1f}'
            | '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(character)); // it can't fail
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// Visible text, cut for a listing.
pub(crate) fn short(text: &str) -> String {
    let mut shown = visible(text);
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{age, short, visible};

    #[test]
    fn an_age_has_its_two_largest_units() {
        let cases = [
            (0, "0 ms"),
            (900, "900 ms"),
            (1_490, "1.4 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h 0 min"),
            (90_000_000, "1 d 1 h"),
        ];
        for (millis, expected) in cases {
            assert_eq!(age(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn nothing_in_a_text_is_invisible() {
        assert_eq!(visible("a\u{202e}b\0c\nd"), "a⟨U+202E⟩b⟨U+0000⟩c\nd");
        assert_eq!(visible("Łódź 日本 👍 <b>"), "Łódź 日本 👍 <b>");
        assert_eq!(short(&"é".repeat(10_000)).chars().count(), 121);
    }
}
