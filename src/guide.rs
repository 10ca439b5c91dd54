#![doc = include_str!("../docs/guide/index.md")]
// The guide needs no feature, so its pages don't say so at their top.
#![cfg_attr(docsrs, doc(auto_cfg = false))]

#[doc = include_str!("../docs/guide/actions.md")]
pub mod actions {}
#[doc = include_str!("../docs/guide/failures.md")]
pub mod failures {}
#[doc = include_str!("../docs/guide/responses.md")]
pub mod responses {}
#[doc = include_str!("../docs/guide/accounts.md")]
pub mod accounts {}
#[doc = include_str!("../docs/guide/rotation.md")]
pub mod rotation {}
#[doc = include_str!("../docs/guide/stores.md")]
pub mod stores {}
#[doc = include_str!("../docs/guide/postgres.md")]
pub mod postgres {}
#[doc = include_str!("../docs/guide/brokers.md")]
pub mod brokers {}
#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}
#[doc = include_str!("../docs/guide/laptop.md")]
pub mod laptop {}
#[doc = include_str!("../docs/guide/capture.md")]
pub mod capture {}
#[doc = include_str!("../docs/guide/metrics.md")]
pub mod metrics {}
#[doc = include_str!("../docs/guide/limits.md")]
pub mod limits {}
#[doc = include_str!("../docs/guide/shutdown.md")]
pub mod shutdown {}
#[doc = include_str!("../docs/guide/hyper.md")]
pub mod hyper {}
#[doc = include_str!("../docs/guide/lambda.md")]
pub mod lambda {}
#[doc = include_str!("../docs/guide/provider.md")]
pub mod provider {}
#[doc = include_str!("../docs/guide/plain.md")]
pub mod plain {}
