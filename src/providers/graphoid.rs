//! Graphoid, a business platform with leads, tickets and AI analyses.
//!
//! | event | variant of [`GraphoidEvent`] | payload |
//! |---|---|---|
//! | `lead.won` | `LeadWon` | [`LeadEvent`] |
//! | `lead.created` | `LeadCreated` | [`LeadEvent`], assumed |
//! | `lead.updated` | `LeadUpdated` | [`LeadEvent`], assumed |
//! | `lead.lost` | `LeadLost` | [`LeadEvent`], assumed |
//! | `lead.reassigned` | `LeadReassigned` | [`LeadEvent`], assumed |
//! | `lead.stage_changed` | `LeadStageChanged` | [`LeadEvent`], assumed |
//! | `ticket.escalated` | `TicketEscalated` | [`RawJson`] |
//! | `ai.analysis.complete` | `AiAnalysisComplete` | [`RawJson`] |
//!
//! ```
//! use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
//!
//! let body = r#"{
//!     "id": "evt_9pQrXy2k",
//!     "event": "lead.won",
//!     "timestamp": "2026-04-03T14:22:00Z",
//!     "workspace_id": "ws_7hGt",
//!     "api_version": "v2",
//!     "data": {
//!         "lead": {
//!             "id": "lead_4mNp",
//!             "name": "Acme Corp",
//!             "value": 45000,
//!             "closed_by": "user_8x2k",
//!             "closed_at": "2026-04-03T14:22:00Z"
//!         }
//!     }
//! }"#;
//! # let delivery = Delivery::<Graphoid>::from_storage(body);
//! match delivery.read()?.event {
//!     GraphoidEvent::LeadWon(won) => {
//!         assert_eq!(won.lead.value, Some(45000.0));
//!         assert_eq!(won.lead.name.as_deref(), Some("Acme Corp"));
//!     }
//!     GraphoidEvent::Unknown { name, .. } => println!("{name} is not known yet"),
//!     _ => {}
//! }
//! # Ok::<(), leadhook::ReadError>(())
//! ```
//!
//! # Facts
//!
//! - Documented: every request has the header `X-Graphoid-Signature` with `sha256=` and the body's
//!   HMAC-SHA256 as hex digits. Graphoid expects a 2xx status within 10 s, and retries after 5 min,
//!   30 min, 2 h and 8 h. It disables an endpoint, with an alert, if more than 10 % of its deliveries
//!   fail, and may disable one temporarily after repeated timeouts. A failed event is logged in its
//!   dashboard (Graphoid's webhook documentation).
//! - Documented: an endpoint can also be registered by `POST /v2/webhooks` with `url`, `events` and
//!   `active`. `events` is a list of names, such as
//!   [`GraphoidEvent::NAMES`](crate::Event::NAMES).
//! - That page contradicts itself on the number of attempts (four or five), and prints "~10 hrs" for the
//!   last retry, where the delays add up to 10 h 35 min.
//! - That page shows a body for `lead.won` only. Assumed: the other lead events have the same payload.
//!   A body with another payload is read as [`GraphoidEvent::Unknown`].
//! - Assumed: a retry has the `id` of the first delivery.
//! - Not known to us: whether a second test delivery has a new `id`. If it does not, leadhook treats it as a
//!   duplicate.
//! - Graphoid may send events that are not in the table, because no complete public list was found.

use alloc::string::String;
use core::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;
use crate::provider::{DedupBy, EnvelopeKeys, Layout, Provider, SignedProvider};
use crate::providers::Graphoid;
use crate::read::raw_json::RawJson;

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
    /// Graphoid waits for 10 seconds (its webhook documentation). The margin is ours.
    const RESPOND_WITHIN: Duration = Duration::from_secs(8);
    /// The documented delays add up to 10 h 35 min. The rest of the time is for late
    /// deliveries.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
    type Event = GraphoidEvent;
}

impl SignedProvider for Graphoid {
    const HEADER: &'static str = "x-graphoid-signature";
    const FORMAT: SignatureFormat = SignatureFormat::PrefixedHex;
}

crate::events! {
    /// A Graphoid event.
    pub enum GraphoidEvent of Graphoid {
        /// A lead was won.
        LeadWon(LeadEvent) = "lead.won",
        /// A lead was created.
        LeadCreated(LeadEvent) or Unknown = "lead.created",
        /// A lead was changed.
        LeadUpdated(LeadEvent) or Unknown = "lead.updated",
        /// A lead was lost.
        LeadLost(LeadEvent) or Unknown = "lead.lost",
        /// A lead was assigned to another user.
        LeadReassigned(LeadEvent) or Unknown = "lead.reassigned",
        /// A lead was moved to another stage.
        LeadStageChanged(LeadEvent) or Unknown = "lead.stage_changed",
        /// A support ticket was escalated.
        TicketEscalated(RawJson) = "ticket.escalated",
        /// An AI analysis is complete.
        AiAnalysisComplete(RawJson) = "ai.analysis.complete",
    }
    lead(event) = event.lead_event()?.lead();
    lead_id(event) = Some(event.lead_event()?.lead.id.clone());
}

impl GraphoidEvent {
    /// Returns the payload that all lead events share.
    #[must_use]
    pub fn lead_event(&self) -> Option<&LeadEvent> {
        match self {
            Self::LeadWon(data)
            | Self::LeadCreated(data)
            | Self::LeadUpdated(data)
            | Self::LeadLost(data)
            | Self::LeadReassigned(data)
            | Self::LeadStageChanged(data) => Some(data),
            _ => None,
        }
    }
}

crate::payload! {
    /// The payload of a lead event.
    pub struct LeadEvent {
        /// The lead.
        pub lead: SalesLead,
    }
}

crate::payload! {
    /// A lead in Graphoid.
    pub struct SalesLead {
        /// The lead's id, such as `lead_4mNp`.
        pub id: String,
        /// The lead's name, such as `Acme Corp`.
        pub name: Option<String>,
        /// The lead's value, such as `45000`. Its currency and unit are not known to us.
        pub value: Option<f64>,
        /// The id of the user who closed the lead, such as `user_8x2k`.
        pub closed_by: Option<String>,
        /// When the lead was closed, such as `2026-04-03T14:22:00Z`.
        pub closed_at: Option<DateTime<Utc>>,
    }
}

impl LeadEvent {
    /// Returns the company behind the lead.
    ///
    /// That the lead's name is a company's name is assumed, as in the documented sample. The id is the
    /// id of the lead in Graphoid.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            id: Some(self.lead.id.clone()),
            company: self.lead.name.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
