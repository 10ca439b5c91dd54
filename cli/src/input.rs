//! The files that a user names: a body, a saved delivery, or a whole request as text.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{failure::Failure, net, provider::Kind};

const LIMIT: u64 = 16 * 1024 * 1024;

/// A body, and what the file tells about its request.
pub(crate) struct Input {
    pub(crate) body: Vec<u8>,
    /// The request's headers, if the file has them.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// The file that `listen --save` writes beside a body.
#[derive(Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) provider: String,
    pub(crate) status: u16,
    pub(crate) redacted: bool,
    /// The names of all headers, without their values.
    pub(crate) headers: Vec<String>,
    /// The values of the signature header. Empty for Tomba, whose token is a secret.
    pub(crate) signatures: Vec<String>,
}

pub(crate) const BODY_FILE: &str = "body";
pub(crate) const HEAD_FILE: &str = "head.json";

impl Input {
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let unreadable = |error| Failure::File(file.display().to_string(), error);
        if file.is_dir() {
            return Self::saved(&delivery_in(file)?);
        }
        if file.file_name().is_some_and(|name| name == BODY_FILE)
            && let Some(directory) = file
                .parent()
                .filter(|parent| parent.join(HEAD_FILE).exists())
        {
            return Self::saved(directory);
        }
        let bytes = if file == Path::new("-") {
            read(io::stdin())
        } else {
            File::open(file).and_then(read)
        };
        let bytes = bytes.map_err(unreadable)?;
        Ok(Self::from_request(&bytes).unwrap_or(Self {
            body: bytes,
            headers: Vec::new(),
        }))
    }

    /// Reads a delivery that `listen --save` wrote.
    fn saved(directory: &Path) -> Result<Self, Failure> {
        let open = |name: &str| {
            let path = directory.join(name);
            let bytes = File::open(&path).and_then(read);
            bytes.map_err(|error| Failure::File(path.display().to_string(), error))
        };
        let head: Head = serde_json::from_slice(&open(HEAD_FILE)?).map_err(|_| {
            let path = directory.join(HEAD_FILE);
            Failure::Usage(format!(
                "{} was not written by `leadhook listen`",
                path.display()
            ))
        })?;
        let header = Kind::PROVIDERS
            .into_iter()
            .find(|kind| kind.name() == head.provider);
        let name = header.map(Kind::header).unwrap_or_default();
        let signatures = head.signatures.into_iter();
        Ok(Self {
            body: open(BODY_FILE)?,
            headers: signatures
                .map(|value| (name.into(), value.into_bytes()))
                .collect(),
        })
    }

    /// Reads a whole request, if the bytes start like one.
    fn from_request(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(bytes).ok()? else {
            return None;
        };
        let headers: Vec<(String, Vec<u8>)> = request
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
            .collect();
        let (_, body) = bytes.split_at_checked(length)?;
        let is_chunked = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value.ends_with(b"chunked"));
        let body = if is_chunked {
            net::dechunk(body, usize::MAX).ok()??.1
        } else {
            body.to_vec()
        };
        Some(Self { body, headers })
    }

    /// Returns the values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<Vec<u8>> {
        let named = self.headers.iter().filter(|(header, _)| header == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    /// Returns an error if there is no body.
    pub(crate) fn not_empty(self) -> Result<Self, Failure> {
        if self.body.is_empty() {
            return Err(Failure::Usage("the body is empty".into()));
        }
        Ok(self)
    }
}

fn read(mut file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref().take(LIMIT + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LIMIT) {
        return Err(io::Error::other("larger than 16 MiB"));
    }
    Ok(bytes)
}

/// Returns the one saved delivery that a directory is or contains.
fn delivery_in(directory: &Path) -> Result<PathBuf, Failure> {
    if directory.join(HEAD_FILE).exists() {
        return Ok(directory.into());
    }
    let unreadable = |error| Failure::File(directory.display().to_string(), error);
    let mut deliveries = Vec::new();
    for entry in directory.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(HEAD_FILE).exists() {
            deliveries.push(path);
        }
    }
    match (deliveries.pop(), deliveries.len()) {
        (Some(delivery), 0) => Ok(delivery),
        (None, _) => Err(Failure::Usage(format!(
            "{} is a directory without a saved delivery",
            directory.display()
        ))),
        (Some(delivery), others) => Err(Failure::Usage(format!(
            "{} has {} deliveries; name one of them, such as {}",
            directory.display(),
            others + 1,
            delivery.display()
        ))),
    }
}
