//! What every HTTP client of this program begins with, and what its errors say.

use std::error::Error;

use reqwest::{Client, ClientBuilder, redirect};

use super::proxy;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS, the proxy settings or the address.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(#[from] reqwest::Error),
    /// A header that HTTP does not have; the value is not shown.
    #[error("the header `{0}` cannot be sent: its name or its value is not valid in HTTP")]
    Header(String),
}

/// What every client of this program begins with: its name, its cryptography, the proxy to an address, and no redirects.
pub(super) fn own_client(address: &str) -> ClientBuilder {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("fanfold/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none());
    let proxy = proxy::between(address);
    let builder = if proxy.is_none() { builder.no_proxy() } else { builder };
    // What goes without TLS all the way needs no certificates to be there.
    let is_plain = |address: &str| address.starts_with("http://");
    match is_plain(address) && proxy.as_deref().is_none_or(is_plain) {
        true => builder.tls_certs_only([]),
        false => builder,
    }
}

/// The deepest cause of an error, which says most, without the address: it stands in the job.
pub(super) fn cause(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

/// An error and its causes.
pub(super) fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &'a (dyn Error + 'static) = error;
    std::iter::successors(
        Some(first),
        |error: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> { (*error).source() },
    )
}
