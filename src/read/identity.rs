//! The places in a body that identify its event.

/// The places of the event's name, the workspace and the id in a body.
///
/// A delivery keeps them when it is read, so its key doesn't need a second pass over the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity([Place; 3]);

/// The offset and the length of a text in bytes.
type Place = (u32, u32);

impl Identity {
    /// Finds texts in the body from which they were read. Returns `None` if a text was unescaped, because
    /// then it is not a part of the body.
    pub(super) fn find(body: &str, texts: [&str; 3]) -> Option<Self> {
        let mut places = [(0, 0); 3];
        for (place, text) in places.iter_mut().zip(texts) {
            *place = find(body, text)?;
        }
        Some(Self(places))
    }

    /// Returns the texts, if this is the body in which they were found.
    pub(crate) fn texts<'a>(&self, body: &'a [u8]) -> Option<[&'a [u8]; 3]> {
        let mut texts = [&[][..]; 3];
        for (text, (offset, length)) in texts.iter_mut().zip(self.0) {
            let rest = body.get(usize::try_from(offset).ok()?..)?;
            *text = rest.get(..usize::try_from(length).ok()?)?;
        }
        Some(texts)
    }
}

fn find(body: &str, text: &str) -> Option<Place> {
    if text.is_empty() {
        return Some((0, 0));
    }
    let offset = text.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let is_within = offset.checked_add(text.len())? <= body.len();
    let place = (offset.try_into().ok()?, text.len().try_into().ok()?);
    is_within.then_some(place)
}
