//! Samples of Graphoid's deliveries.

use super::Sample;
use crate::providers::Graphoid;

/// The event `lead.won`.
///
#[doc = include_str!("docs/lead-won.md")]
pub const LEAD_WON: Sample<Graphoid> =
    Sample::new("lead-won", include_str!("graphoid/lead_won.json"));

/// All samples of Graphoid.
pub const ALL: &[Sample<Graphoid>] = &[LEAD_WON];
