//! Calls an address when a run starts, ends or stops. The address is a secret and appears in no message or error.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;

use super::own_client::{cause, own_client};
use super::verdict::words_of;
use crate::job::address::is_loopback;

/// An address to call. It cannot be printed.
#[derive(Clone)]
pub struct Hook(Url);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook(…)")
    }
}

impl Hook {
    /// An address from its text.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; never the text itself.
    pub fn new(text: &str, allow_http: bool) -> Result<Self, &'static str> {
        let url = text.trim().parse::<Url>().map_err(|error| match error.to_string().contains("port") {
            true => "has an invalid port: use a whole number from 1 to 65535",
            false => "is not an address; addresses begin with https://",
        })?;
        let host = url.host_str().ok_or("has no host")?;
        let local = is_loopback(host);
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if local || allow_http => Ok(Self(url)),
            "http" => Err("begins with http://, which is unprotected; use https://, or allow_http = true"),
            _ => Err("is not a web address; addresses begin with https://"),
        }
    }

    /// The host, which may be shown.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Sends a JSON text to the address.
    ///
    /// # Errors
    ///
    /// What went wrong, without the address.
    pub async fn call(&self, body: String, patience: Duration) -> Result<(), String> {
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => format!("{} did not answer in time", self.host()),
            false => format!("{} could not be reached: {}", self.host(), cause(&error.without_url())),
        };
        let client = own_client(self.0.as_str()).timeout(patience).build().map_err(failed)?;
        let asking = client.post(self.0.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let status = asking.send().await.map_err(failed)?.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("{} answered {} {}", self.host(), status.as_u16(), words_of(status))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_and_never_shown() {
        let hook = Hook::new("https://hooks.example.com/services/T0/B0?token=secret", false).expect("good");
        assert_eq!((hook.host(), format!("{hook:?}")), ("hooks.example.com", "Hook(…)".to_owned()));
        let port = Hook::new("https://hooks.example.com:99999/secret", false).expect_err("no port");
        assert!(port.contains("has an invalid port"), "{port}");
        for wrong in ["secret", "http://example.com/secret", "ftp://example.com/secret", "data:secret"] {
            let error = Hook::new(wrong, false).expect_err(wrong);
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(
            Hook::new("http://127.0.0.1:1/x", false).is_ok() && Hook::new("http://[::1]:1/x", false).is_ok()
        );
        assert!(Hook::new("http://example.com/x", true).is_ok());
    }
}
