//! Graphoid, a CRM: leads that are won, lost and moved.
//!
//! Graphoid signs every request (header `X-Graphoid-Signature`, `sha256=` and hex), waits 10 s for
//! any 2xx, and retries after 5 min, 30 min, 2 h and 8 h. An endpoint that fails more than 10 % of
//! its requests is disabled. Source: Graphoid's webhook documentation. That a retry carries the same
//! `id` as the first try is an assumption, after the id's prefix `evt_`.

use alloc::string::String;
use core::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;
use crate::provider::{
    DedupBy, EnvelopeKeys, Layout, Provider, Signed, SignedProvider, TimestampedProvider,
};
use crate::providers::EventData;
use crate::read::raw_json::RawJson;

/// The provider Graphoid.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Graphoid;

impl Provider for Graphoid {
    const NAME: &'static str = "graphoid";
    const LAYOUT: Layout = Layout::Enveloped(
        EnvelopeKeys::new("event", "data")
            .with_id("id")
            .with_timestamp("timestamp")
            .with_workspace_id("workspace_id")
            .with_api_version("api_version"),
    );
    const DEDUP_BY: DedupBy = DedupBy::EventId;
    /// The last retry comes 10 h 35 min after the first try; the rest is for delays on the way.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
    type Authentication = Signed;
    type Event = GraphoidEvent;
}

impl SignedProvider for Graphoid {
    const HEADER: &'static str = "x-graphoid-signature";
    const FORMAT: SignatureFormat = SignatureFormat::PrefixedHex;
}

impl TimestampedProvider for Graphoid {}

events! {
    /// An event of Graphoid.
    ///
    /// Only the body of `lead.won` is documented. That the other events of a lead carry the same
    /// object is an assumption; events of which nothing is documented but the name keep raw JSON.
    pub enum GraphoidEvent of Graphoid {
        /// A lead was won.
        LeadWon(LeadEvent) = "lead.won",
        /// A lead was created.
        LeadCreated(LeadEvent) = "lead.created" (assumed),
        /// A lead was changed.
        LeadUpdated(LeadEvent) = "lead.updated" (assumed),
        /// A lead was lost.
        LeadLost(LeadEvent) = "lead.lost" (assumed),
        /// A lead was given to another user.
        LeadReassigned(LeadEvent) = "lead.reassigned" (assumed),
        /// A lead moved to another stage.
        LeadStageChanged(LeadEvent) = "lead.stage_changed" (assumed),
        /// A ticket was escalated.
        TicketEscalated(RawJson) = "ticket.escalated",
        /// An analysis is complete.
        AiAnalysisComplete(RawJson) = "ai.analysis.complete",
    }
}

payload! {
    /// The data of a lead's event.
    pub struct LeadEvent {
        @required {
            /// The lead.
            lead: SalesLead,
        }
    }
}

payload! {
    /// A lead in the CRM.
    pub struct SalesLead {
        @required {
            /// The lead's id.
            id: String,
        }
        /// The lead's name: a company's in the documented sample.
        name: Option<String>,
        /// What the lead is worth. Currency and unit are not documented.
        value: Option<f64>,
        /// The id of the user who closed the lead.
        closed_by: Option<String>,
        /// When the lead was closed.
        closed_at: Option<DateTime<Utc>>,
    }
}

impl LeadEvent {
    /// The company that the lead is: its name is assumed to be a company's, after the documented
    /// sample.
    #[must_use]
    pub fn lead(&self) -> Lead {
        Lead {
            company: self.lead.name.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}

impl EventData for LeadEvent {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}
