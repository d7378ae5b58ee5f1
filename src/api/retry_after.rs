//! How long a server asks to wait, in all forms (RFC 9110, 10.2.3, and the milliseconds that some gateways send).

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// The wait that the headers of a reply ask for; `None` if there is none, or it cannot be read.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let text = text("retry-after")?;
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        // A date that has passed means no wait.
        Err(_) => {
            httpdate::parse_http_date(text).ok().map(|date| date.duration_since(now).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn every_form_is_read_and_nonsense_is_ignored() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers, now).map(|wait| wait.as_secs_f64())
        };
        assert_eq!(wait("retry-after", "0"), Some(0.0));
        assert_eq!(wait("retry-after", "2.5"), Some(2.5));
        assert_eq!(wait("retry-after", "86400"), Some(86_400.0));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), Some(30.0));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), Some(0.0));
        assert_eq!(wait("retry-after-ms", "250"), Some(0.25));
        for nonsense in ["NaN", "-5", "soon", "inf", ""] {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
        }
    }
}
