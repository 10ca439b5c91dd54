//! The key of a row.

use std::{fmt, str::FromStr};

use leadhook::{Delivery, Provider};

/// The deduplication key of an event.
///
/// It is the delivery's [`leadhook::dedup::Key`], has 32 bytes, and is written as 64 hex digits. Give it to other systems
/// as an idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// Returns the key of a delivery.
    #[must_use]
    pub fn of<P: Provider>(delivery: &Delivery<P>) -> Self {
        Self(*delivery.key().as_bytes())
    }

    /// Returns the key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Writes 64 hex digits in lower case.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// The error returned when a text is not a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has 64 hex digits")]
pub struct KeyError(());

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()))
            .collect();
        let digits = digits
            .filter(|digits| digits.len() == 64)
            .ok_or(KeyError(()))?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyError};

    #[test]
    fn a_key_reads_what_it_writes_and_nothing_else() {
        let key = Key(std::array::from_fn(|index| {
            u8::try_from(index * 7 % 256).unwrap_or(0)
        }));
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(text.to_uppercase().parse(), Ok(key));
        for wrong in [
            "",
            "ab",
            text.trim_start_matches('0'),
            &format!("{text}0"),
            &text.replace("00", "0é"),
        ] {
            assert_eq!(wrong.parse::<Key>(), Err(KeyError(())), "{wrong}");
        }
    }
}
