//! The address of a chat API: whether it is valid, and whether it is on this machine.

/// DashScope's address in Singapore, the vendor's default.
pub(crate) const DEFAULT_BASE_URL: &str = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1";

/// Batch Chat's address: DashScope's slower tier at half the price, in Beijing alone (the vendor's page of 12 October 2026).
pub(crate) const BATCH_CHAT_URL: &str = "https://batch.dashscope.aliyuncs.com/compatible-mode/v1";

/// Checks an address, and returns whether it is on this machine.
pub(crate) fn check(address: &str, allow_http: bool) -> Result<bool, String> {
    let (scheme, rest) = address
        .split_once("://")
        .ok_or("an address must begin with https://, and end before /chat/completions")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest.contains(['?', '#']) {
        return Err(
            "an address must not contain `?` or `#`: it is stored and shown, and ends in a path".to_owned()
        );
    }
    if authority.contains('@') {
        return Err("an address must not contain a user name or a password".to_owned());
    }
    if address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("an address must not contain white space".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']').unwrap_or((v6, "")),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err("the address has no host".to_owned());
    }
    // An empty port means the usual one.
    if let Some(port) = port.strip_prefix(':').filter(|port| !port.is_empty() && !is_port(port)) {
        return Err(format!("`{port}` is not a port: use a whole number from 1 to 65535"));
    }
    let local = is_loopback(host);
    match scheme {
        "https" => Ok(local),
        "http" if local || allow_http => Ok(local),
        "http" => Err("plain http:// would send prompts and key unprotected; use https://, or set \
                       model.allow_http = true"
            .to_owned()),
        _ => Err(format!("`{scheme}://` is not an address of a chat API; use https://")),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a host is this machine; an IPv6 address may be in brackets.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn plain_http_is_for_this_machine_only_unless_it_is_allowed() {
        assert_eq!(check("https://dashscope.aliyuncs.com/compatible-mode/v1", false), Ok(false));
        for local in ["http://localhost:8080/v1", "http://127.0.0.1/v1", "http://[::1]:80/v1"] {
            assert_eq!(check(local, false), Ok(true), "{local}");
        }
        assert!(check("http://example.com/v1", false).is_err());
        assert_eq!(check("http://example.com/v1", true), Ok(false));
        for wrong in ["example.com", "ftp://example.com", "https://", "https://user:pass@example.com/v1"] {
            assert!(check(wrong, true).is_err(), "{wrong}");
        }
        for port in ["99999", "0", "80a", "-1", "+80", "80:80"] {
            for host in ["localhost", "[::1]", "example.com"] {
                let fault = check(&format!("https://{host}:{port}/v1"), false).expect_err(port);
                assert!(fault.starts_with(&format!("`{port}` is not a port")), "{fault}");
            }
        }
        assert_eq!(check("https://example.com:/v1", false), Ok(false));
        assert!(check("https://exa mple.com/v1", false).is_err());
    }
}
