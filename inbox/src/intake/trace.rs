//! The trace context that came with a request.

/// The value of a valid `traceparent` header: 55 characters, as W3C's Trace Context defines it.
///
/// Anybody can send the header, so it is linked at each attempt and never becomes the attempt's parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext(String);

impl TraceContext {
    /// Takes the only value of the header, if it is valid. A later version of the format is valid if it has the
    /// fields of version 00 and no others.
    pub(crate) fn parse(values: impl IntoIterator<Item: AsRef<[u8]>>) -> Option<Self> {
        let mut values = values.into_iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let value = std::str::from_utf8(value.as_ref()).ok()?;
        let mut fields = value.split('-');
        let mut field = |length| {
            let field = fields.next()?;
            let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            (field.len() == length && field.bytes().all(is_hex)).then_some(field)
        };
        let (version, trace, parent, _flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
        let is_valid = version != "ff" && !is_zero(trace) && !is_zero(parent);
        (is_valid && fields.next().is_none()).then(|| Self(value.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn is_valid(value: &str) -> bool {
        TraceContext::parse([value]).is_some_and(|context| context.as_str() == value)
    }

    #[test]
    fn a_valid_value_is_taken_as_it_is() {
        assert!(is_valid(VALID));
        assert!(is_valid(&VALID.replacen("00", "cc", 1)));
    }

    #[test]
    fn everything_else_is_ignored() {
        let zeros = |length| "0".repeat(length);
        for value in [
            String::new(),
            VALID.to_uppercase(),
            VALID.replacen("00", "ff", 1),
            VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros(32)),
            VALID.replace("00f067aa0ba902b7", &zeros(16)),
            VALID.replace('4', "g"),
            VALID.replace('4', "é"),
            VALID.replace('-', "_"),
            VALID.replacen('0', "", 1),
            VALID.strip_suffix('1').unwrap_or_default().into(),
            format!("{VALID}0"),
            format!("{VALID}-"),
            format!("{VALID}-00"),
            format!(" {VALID}"),
            format!("{VALID}-{}", "0".repeat(1 << 20)),
        ] {
            assert!(!is_valid(&value), "{value}");
        }
        assert_eq!(TraceContext::parse([VALID, VALID]), None);
        assert_eq!(TraceContext::parse([] as [&str; 0]), None);
        assert_eq!(TraceContext::parse([b"\xff".as_slice()]), None);
    }
}
