//! The pages and actions of the desk.

use http::Method;

use crate::access::Access;

/// What a request asks for, named by the last part of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Overview,
    Figures,
    Style,
    Icon,
    Source,
    Rows,
    Row,
    Person,
    Search,
    Body,
    Replay,
    ReplayMore,
    Erase,
    EraseMore,
    Pause,
    Resume,
    Retry,
}

/// Why there is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    Page,
    /// The page has other methods.
    Method(&'static str),
}

const GET: &str = "GET, HEAD";
const POST: &str = "POST";
const BOTH: &str = "GET, HEAD, POST";

impl Route {
    pub(crate) fn find(method: &Method, page: &str) -> Result<Self, NoRoute> {
        let (get, post, methods) = match page {
            "" => (Some(Self::Overview), None, GET),
            "figures.json" => (Some(Self::Figures), None, GET),
            "desk.css" => (Some(Self::Style), None, GET),
            "desk.svg" => (Some(Self::Icon), None, GET),
            "source" => (Some(Self::Source), None, GET),
            "rows" => (Some(Self::Rows), None, GET),
            "row" => (Some(Self::Row), None, GET),
            "person" => (Some(Self::Person), Some(Self::Search), BOTH),
            "body" => (None, Some(Self::Body), POST),
            "replay" => (Some(Self::Replay), Some(Self::ReplayMore), BOTH),
            "erase" => (Some(Self::Erase), Some(Self::EraseMore), BOTH),
            "pause" => (None, Some(Self::Pause), POST),
            "resume" => (None, Some(Self::Resume), POST),
            "retry" => (None, Some(Self::Retry), POST),
            _ => return Err(NoRoute::Page),
        };
        let route = if matches!(*method, Method::GET | Method::HEAD) {
            get
        } else if method == Method::POST {
            post
        } else {
            None
        };
        route.ok_or(NoRoute::Method(methods))
    }

    /// Whether somebody may use it, who may look.
    pub(crate) fn is_allowed(self, access: &Access) -> bool {
        match self {
            Self::Overview
            | Self::Figures
            | Self::Style
            | Self::Icon
            | Self::Source
            | Self::Rows
            | Self::Row
            | Self::Person
            | Self::Search => true,
            Self::Body => access.bodies,
            Self::Replay | Self::ReplayMore | Self::Pause | Self::Resume | Self::Retry => {
                access.replay
            }
            Self::Erase | Self::EraseMore => access.erase,
        }
    }
}
