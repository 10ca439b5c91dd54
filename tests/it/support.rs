//! Helpers that several tests share.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use leadhook::{
    Delivery, Envelope, Event, MalformedSignature, Provider, ReadError, Secret, SignatureFormat,
    SignedProvider, Signer, tomba::LookupResult,
};

/// Creates a secret or token.
pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

/// Returns the name and value of the header that signs a body.
pub(crate) fn signed<P: SignedProvider>(
    secret: &Secret,
    body: impl AsRef<[u8]>,
) -> (&'static str, String) {
    Signer::<P>::new(secret).header(body.as_ref())
}

/// Reads a body as the provider's own event.
pub(crate) fn read<P: Provider>(body: impl Into<Bytes>) -> Result<Envelope<P::Event>, ReadError> {
    Delivery::<P>::from_storage(body).read()
}

/// Reads a body as an event of the type `E`.
pub(crate) fn read_as<E: Event>(body: impl Into<Bytes>) -> Result<Envelope<E>, ReadError> {
    Delivery::<E::Provider>::from_storage(body).read_as()
}

/// Reads a body as the result of a lookup, and returns the payload.
pub(crate) fn found<T>(body: impl Into<Bytes>) -> T
where
    LookupResult<T>: Event,
{
    let envelope = read_as::<LookupResult<T>>(body).unwrap();
    envelope.event.found().unwrap()
}

/// A sample with its path below `src/samples` or `tests/payloads`.
pub(crate) struct Sample {
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

/// Returns all samples of a provider, documented or not, in the order of their paths.
pub(crate) fn samples(provider: &str) -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = ["src/samples", "tests/payloads"]
        .iter()
        .filter_map(|folder| fs::read_dir(root.join(folder).join(provider)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort_by(|left, right| left.file_name().cmp(&right.file_name()));
    files
        .iter()
        .map(|file| Sample {
            path: format!("{provider}/{}", file.file_stem().unwrap().to_str().unwrap()),
            body: fs::read(file).unwrap().into(),
        })
        .collect()
}

/// Returns the sample with this path, such as `graphoid/lead_won`.
pub(crate) fn sample(path: &str) -> Bytes {
    let (provider, _) = path.split_once('/').unwrap();
    samples(provider)
        .into_iter()
        .find(|sample| sample.path == path)
        .unwrap()
        .body
}

/// Returns the reason for a value with this number of hex digits.
pub(crate) fn wrong_length(expected: usize) -> MalformedSignature {
    let value = "a".repeat(expected);
    let reason = SignatureFormat::PrefixedHex
        .parse(format!("sha256={value}").as_bytes())
        .unwrap_err();
    assert!(
        matches!(reason, MalformedSignature::Length { digits, .. } if digits == expected),
        "{reason}"
    );
    reason
}

/// Returns the reason for a value whose first character that is not a hex digit has this index.
pub(crate) fn not_hex(expected: usize) -> MalformedSignature {
    let value = format!("{}g", "a".repeat(expected));
    let reason = SignatureFormat::PrefixedHex
        .parse(format!("sha256={value}").as_bytes())
        .unwrap_err();
    assert!(
        matches!(reason, MalformedSignature::NotHex { index, .. } if index == expected),
        "{reason}"
    );
    reason
}
