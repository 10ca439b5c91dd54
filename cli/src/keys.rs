//! The keys that a provider's documentation names.

use std::collections::HashSet;

use crate::{
    json::{self, Node, Text},
    provider::Kind,
};

/// Documented keys that no sample has.
const OTHERS: [&str; 9] = [
    "company_type",
    "domain_score",
    "employee_count",
    "keywords",
    "message",
    "mx_records",
    "ranking",
    "revenue",
    "total_similar",
];

/// Returns all documented keys. A key is documented if any provider documents it.
pub(crate) fn documented() -> HashSet<Text> {
    let mut keys: HashSet<Text> = OTHERS.into_iter().map(json::text).collect();
    for kind in Kind::PROVIDERS {
        for (_, body) in kind.samples() {
            if let Some(node) = json::parse(body.as_bytes()) {
                add(&node, &mut keys);
            }
        }
    }
    keys
}

fn add(node: &Node, keys: &mut HashSet<Text>) {
    match node {
        Node::Literal(_) | Node::Text(_) => {}
        Node::List(items) => {
            for item in items {
                add(item, keys);
            }
        }
        Node::Object(entries) => {
            for (key, value) in entries {
                keys.insert(key.clone());
                add(value, keys);
            }
        }
    }
}
