//! The settings that all HTTP clients of this program share, and the causes of their errors.

use std::error::Error;

use reqwest::{Client, ClientBuilder, redirect};

use super::proxy;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS, the proxy settings or the address is invalid.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(#[from] reqwest::Error),
    /// A header that is not valid in HTTP; its value is not shown.
    #[error("the header `{0}` cannot be sent: its name or its value is not valid in HTTP")]
    Header(String),
}

/// The settings that all clients share: name, cryptography, the proxy to an address, and no redirects.
pub(super) fn own_client(address: &str) -> ClientBuilder {
    // An error means that a provider is already installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("fanfold/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none());
    let proxy = proxy::between(address);
    let builder = if proxy.is_none() { builder.no_proxy() } else { builder };
    // A connection without TLS all the way needs no certificates.
    let is_plain = |address: &str| address.starts_with("http://");
    match is_plain(address) && proxy.as_deref().is_none_or(is_plain) {
        true => builder.tls_certs_only([]),
        false => builder,
    }
}

/// The deepest cause of an error, which says most, without the address: the job already shows that.
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
