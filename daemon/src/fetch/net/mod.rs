//! HTTP as fetching needs it: one client that honours proxies and authorities, pages of indexes held in memory, and
//! downloads that go on where they were cut.
//!
//! Redirects are followed here and not by the HTTP library, so that a credential never reaches a host it was not
//! meant for and https never becomes http.

mod client;
mod detached;
mod download;
mod partial;
mod proxy;
mod retry;
mod tls;

pub(crate) use client::{Client, Credential, Page, Wire};
pub(crate) use download::{Download, Wanted, key};
pub(crate) use tls::Authorities;
