//! A delivery on disk, readable by its owner only.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use hyper::HeaderMap;

use crate::{
    input::{BODY_FILE, HEAD_FILE, Head},
    provider::Kind,
    redact::redact,
};

/// Saves a delivery, and returns its directory.
pub(super) fn save(
    directory: &Path,
    kind: Option<Kind>,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    is_redacted: bool,
) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(1);

    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = DateTime::<Utc>::from(SystemTime::now()).format("%Y%m%dT%H%M%S%.3f");
    let provider = kind.map_or("unknown", Kind::name);
    let directory = directory.join(format!("{time}-{count}-{provider}"));
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&directory)?;

    // A token is a secret, and the signature of a redacted body would be another one.
    let signature = kind
        .filter(|kind| kind.is_signed() && !is_redacted)
        .map(Kind::header);
    let signatures = signature.into_iter().flat_map(|name| headers.get_all(name));
    let head = Head {
        provider: provider.into(),
        status,
        redacted: is_redacted,
        headers: headers.keys().map(|name| name.as_str().into()).collect(),
        signatures: signatures
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect(),
    };
    let head = serde_json::to_vec_pretty(&head)?;
    write(&directory.join(HEAD_FILE), &head)?;
    if is_redacted {
        write(&directory.join(BODY_FILE), &redact(body))?;
    } else {
        write(&directory.join(BODY_FILE), body)?;
    }
    Ok(directory)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
