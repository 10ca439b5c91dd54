#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
mod chart;
mod desk;
mod form;
mod origin;
mod pages;
mod response;
mod route;
mod selection;
mod show;

pub use access::Access;
pub use desk::Desk;
