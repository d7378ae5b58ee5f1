//! The proxy that the environment puts between this program and a service, found as the HTTP client finds it.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy through which an address is asked, without the user name and the password that it may be given with. `None`
/// when nothing is in between, as with plain `http://`, which goes to this machine or where the job says.
pub fn between(base_url: &str) -> Option<String> {
    if base_url.starts_with("http://") {
        return None;
    }
    let address: Uri = base_url.parse().ok()?;
    let proxy = Matcher::from_system().intercept(&address)?;
    let (scheme, host) = (proxy.uri().scheme_str()?, proxy.uri().host()?);
    let port = proxy.uri().port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}
