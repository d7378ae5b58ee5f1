//! The proxy that the environment puts between this program and a service, found as the HTTP client finds it.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::job::address::is_loopback;

/// The proxy that an address is reached through, without a user name and password. `None`
/// if there is none, as for addresses of this machine.
pub fn between(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    if is_loopback(address.host()?) {
        return None;
    }
    let proxy = Matcher::from_system().intercept(&address)?;
    let (scheme, host) = (proxy.uri().scheme_str()?, proxy.uri().host()?);
    let port = proxy.uri().port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}
