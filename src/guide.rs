#![doc = include_str!("../docs/guide/index.md")]

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
#[doc = include_str!("../docs/guide/brokers.md")]
pub mod brokers {}
#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}
#[doc = include_str!("../docs/guide/metrics.md")]
pub mod metrics {}
#[doc = include_str!("../docs/guide/hyper.md")]
pub mod hyper {}
#[doc = include_str!("../docs/guide/lambda.md")]
pub mod lambda {}
#[doc = include_str!("../docs/guide/provider.md")]
pub mod provider {}
#[doc = include_str!("../docs/guide/plain.md")]
pub mod plain {}
