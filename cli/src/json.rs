//! JSON as it was sent, with its key order, numbers and lone surrogates, so that it can be written again
//! in another form.

/// A text as Unicode code points, which can be lone surrogates.
pub(crate) type Text = Vec<u32>;

#[derive(Clone)]
pub(crate) enum Node {
    /// A number, `true`, `false` or `null`, as it was sent.
    Literal(String),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(Text, Node)>),
}

pub(crate) fn text(text: &str) -> Text {
    text.chars().map(u32::from).collect()
}

pub(crate) fn display(text: &[u32]) -> String {
    let character = |&code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.iter().map(character).collect()
}

/// Parses JSON that is nested less than 200 levels deep.
pub(crate) fn parse(body: &[u8]) -> Option<Node> {
    let mut parser = Parser {
        rest: std::str::from_utf8(body).ok()?,
        depth: 0,
    };
    let node = parser.node()?;
    parser.skip_space();
    parser.rest.is_empty().then_some(node)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, token: char) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn node(&mut self) -> Option<Node> {
        self.skip_space();
        match self.rest.as_bytes().first()? {
            b'"' => self.text().map(Node::Text),
            b'[' => self.list('[', ']', Self::node).map(Node::List),
            b'{' => self
                .list('{', '}', |parser| {
                    parser.skip_space();
                    let key = parser.text()?;
                    parser.eat(':')?;
                    Some((key, parser.node()?))
                })
                .map(Node::Object),
            _ => self.literal(),
        }
    }

    fn list<T>(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.depth += 1;
        self.eat(open)?;
        let mut items = Vec::new();
        if self.depth < 200 && self.eat(close).is_none() {
            loop {
                items.push(item(self)?);
                if self.eat(',').is_none() {
                    break self.eat(close)?;
                }
            }
        }
        self.depth -= 1;
        Some(items)
    }

    fn literal(&mut self) -> Option<Node> {
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let (literal, rest) = self
            .rest
            .split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        serde_json::from_str::<serde::de::IgnoredAny>(literal).ok()?;
        self.rest = rest;
        Some(Node::Literal(literal.into()))
    }

    fn text(&mut self) -> Option<Text> {
        let mut text = Text::new();
        let mut characters = self.rest.strip_prefix('"')?.chars();
        loop {
            let code = match characters.next()? {
                '"' => break,
                '\\' => match characters.next()? {
                    'b' => 8,
                    'f' => 12,
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'u' => {
                        let (digits, rest) = characters.as_str().split_at_checked(4)?;
                        characters = rest.chars();
                        u32::from_str_radix(digits, 16).ok()?
                    }
                    c @ ('"' | '\\' | '/') => c.into(),
                    _ => return None,
                },
                c if c < ' ' => return None,
                c => c.into(),
            };
            match text.last_mut() {
                Some(high @ 0xD800..=0xDBFF) if matches!(code, 0xDC00..=0xDFFF) => {
                    *high = 0x10000 + ((*high - 0xD800) << 10) + (code - 0xDC00);
                }
                _ => text.push(code),
            }
        }
        self.rest = characters.as_str();
        Some(text)
    }
}

/// How JSON is written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) comma: &'static str,
    pub(crate) colon: &'static str,
    pub(crate) indent: Option<&'static str>,
    pub(crate) escape_slash: bool,
    pub(crate) escapes: Escapes,
    pub(crate) numbers: Numbers,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Escapes {
    /// Only what must be escaped.
    None,
    /// All that is not ASCII, with digits in lower case.
    Lower,
    /// All that is not ASCII, with digits in upper case.
    Upper,
    /// `<`, `>`, `&` and two line separators, as Go does.
    Html,
}

/// How `1.0` and `1` are written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Numbers {
    AsSent,
    WithoutPointZero,
    WithPointZero,
    /// The numbers whose bits are set are respelled.
    Respelled(u64),
}

impl Style {
    pub(crate) const COMPACT: Self = Self {
        comma: ",",
        colon: ":",
        indent: None,
        escape_slash: false,
        escapes: Escapes::None,
        numbers: Numbers::AsSent,
    };

    /// Writes a node. Returns nothing if that takes more than `limit` bytes.
    pub(crate) fn write(self, node: &Node, limit: usize) -> Option<Vec<u8>> {
        let mut writer = Writer {
            style: self,
            output: Vec::new(),
            limit,
            numbers: 0,
        };
        writer.node(node, 0)?;
        Some(writer.output)
    }
}

struct Writer {
    style: Style,
    output: Vec<u8>,
    limit: usize,
    numbers: u32,
}

impl Writer {
    fn push(&mut self, text: &str) -> Option<()> {
        self.output.extend_from_slice(text.as_bytes());
        (self.output.len() <= self.limit).then_some(())
    }

    fn line(&mut self, depth: usize) -> Option<()> {
        if let Some(indent) = self.style.indent {
            self.push("\n")?;
            for _ in 0..depth {
                self.push(indent)?;
            }
        }
        Some(())
    }

    fn node(&mut self, node: &Node, depth: usize) -> Option<()> {
        match node {
            Node::Literal(literal) => self.literal(literal),
            Node::Text(text) => self.text(text),
            Node::List(items) if items.is_empty() => self.push("[]"),
            Node::Object(entries) if entries.is_empty() => self.push("{}"),
            Node::List(items) => {
                self.push("[")?;
                for (index, item) in items.iter().enumerate() {
                    self.separate(index, depth)?;
                    self.node(item, depth + 1)?;
                }
                self.line(depth)?;
                self.push("]")
            }
            Node::Object(entries) => {
                self.push("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.separate(index, depth)?;
                    self.text(key)?;
                    self.push(self.style.colon)?;
                    self.node(value, depth + 1)?;
                }
                self.line(depth)?;
                self.push("}")
            }
        }
    }

    fn separate(&mut self, index: usize, depth: usize) -> Option<()> {
        if index > 0 {
            self.push(self.style.comma)?;
        }
        self.line(depth + 1)
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        if !is_number(literal) {
            return self.push(literal);
        }
        let bit = 1_u64.checked_shl(self.numbers).unwrap_or_default();
        self.numbers += 1;
        let is_integer = !literal.contains(['.', 'e', 'E']);
        let without = literal.strip_suffix(".0");
        match (self.style.numbers, without) {
            (Numbers::WithoutPointZero, Some(integer)) => self.push(integer),
            (Numbers::WithPointZero, None) if is_integer => {
                self.push(literal)?;
                self.push(".0")
            }
            (Numbers::Respelled(chosen), Some(integer)) if chosen & bit != 0 => self.push(integer),
            (Numbers::Respelled(chosen), None) if chosen & bit != 0 && is_integer => {
                self.push(literal)?;
                self.push(".0")
            }
            _ => self.push(literal),
        }
    }

    fn text(&mut self, text: &[u32]) -> Option<()> {
        self.push("\"")?;
        for &code in text {
            match (code, char::from_u32(code)) {
                (_, Some('"')) => self.push("\\\"")?,
                (_, Some('\\')) => self.push("\\\\")?,
                (_, Some('/')) if self.style.escape_slash => self.push("\\/")?,
                (8, _) => self.push("\\b")?,
                (9, _) => self.push("\\t")?,
                (10, _) => self.push("\\n")?,
                (12, _) => self.push("\\f")?,
                (13, _) => self.push("\\r")?,
                (_, Some(character)) if code >= 32 && !self.escapes(character) => {
                    self.push(character.encode_utf8(&mut [0; 4]))?;
                }
                (0x10000.., _) => {
                    let offset = code - 0x10000;
                    self.escape(0xD800 + (offset >> 10))?;
                    self.escape(0xDC00 + (offset & 0x3FF))?;
                }
                _ => self.escape(code)?,
            }
        }
        self.push("\"")
    }

    fn escapes(&self, character: char) -> bool {
        match self.style.escapes {
            Escapes::None => false,
            // Python and .NET escape U+007F, too.
            Escapes::Lower | Escapes::Upper => !matches!(character, ' '..='~'),
            Escapes::Html => matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
        }
    }

    fn escape(&mut self, code: u32) -> Option<()> {
        match self.style.escapes {
            Escapes::Upper => self.push(&format!("\\u{code:04X}")),
            _ => self.push(&format!("\\u{code:04x}")),
        }
    }
}

pub(crate) fn is_number(literal: &str) -> bool {
    literal.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

impl Node {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        Style::COMPACT.write(self, usize::MAX).unwrap_or_default()
    }

    /// Sorts the keys of all objects.
    pub(crate) fn sort(&mut self) {
        match self {
            Self::Object(entries) => {
                entries.sort_by(|(left, _), (right, _)| left.cmp(right));
                for (_, value) in entries {
                    value.sort();
                }
            }
            Self::List(items) => items.iter_mut().for_each(Self::sort),
            Self::Literal(_) | Self::Text(_) => {}
        }
    }

    /// Returns the spelling of each number.
    pub(crate) fn numbers(&self) -> Vec<&str> {
        match self {
            Self::Literal(literal) if is_number(literal) => vec![literal],
            Self::Literal(_) | Self::Text(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::numbers).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, v)| v.numbers()).collect(),
        }
    }

    /// Sets the value at a path such as `data.lead_form_questions[0].question`.
    ///
    /// Everything but its last part must exist. The last part may be a new key, or the index after the
    /// end of a list.
    pub(crate) fn set(&mut self, path: &str, value: Self) -> Option<()> {
        let parts: Vec<&str> = path
            .split(['.', '['])
            .map(|part| part.trim_end_matches(']'))
            .collect();
        let (last, parents) = parts.split_last()?;
        let parent = parents.iter().try_fold(self, |node, part| match node {
            Self::Object(entries) => {
                let key = text(part);
                let entry = entries.iter_mut().find(|(name, _)| *name == key);
                entry.map(|(_, value)| value)
            }
            Self::List(items) => items.get_mut(part.parse::<usize>().ok()?),
            _ => None,
        })?;
        match parent {
            Self::Object(entries) => {
                let key = text(last);
                match entries.iter_mut().find(|(name, _)| *name == key) {
                    Some((_, old)) => *old = value,
                    None => entries.push((key, value)),
                }
            }
            Self::List(items) => {
                let index: usize = last.parse().ok()?;
                if index == items.len() {
                    items.push(value);
                } else {
                    *items.get_mut(index)? = value;
                }
            }
            Self::Literal(_) | Self::Text(_) => return None,
        }
        Some(())
    }
}
