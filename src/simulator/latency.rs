//! How long an answer takes: a distribution, sampled from the request and the seed.

use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

use super::duration::parse_duration;

/// The maximum latency, whatever the distribution.
const LONGEST: Duration = Duration::from_secs(600);

/// The time between a request's arrival and its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Latency {
    #[default]
    None,
    Fixed(Duration),
    Uniform {
        low: Duration,
        high: Duration,
    },
    /// `sigma` is the standard deviation of the logarithm.
    LogNormal {
        median: Duration,
        sigma: f64,
    },
}

/// An invalid latency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the latency `{text}`: {reason}")]
pub struct LatencyError {
    pub text: String,
    pub reason: String,
}

impl Latency {
    /// The default of a rehearsal: short, but spread like a real service's.
    pub fn rehearsal() -> Latency {
        Latency::LogNormal { median: Duration::from_millis(60), sigma: 0.4 }
    }

    /// The latency for two draws from [0, 1).
    pub(super) fn sample(&self, first: f64, second: f64) -> Duration {
        match *self {
            Latency::None => Duration::ZERO,
            Latency::Fixed(span) => span,
            Latency::Uniform { low, high } => low + high.saturating_sub(low).mul_f64(first),
            Latency::LogNormal { median, sigma } => {
                // Box-Muller; 1 - first is in (0, 1], where the logarithm is finite.
                let normal = (-2.0 * (1.0 - first).ln()).sqrt() * (TAU * second).cos();
                let seconds = median.as_secs_f64() * (sigma * normal).exp();
                Duration::from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64()))
            }
        }
        .min(LONGEST)
    }
}

impl FromStr for Latency {
    type Err = LatencyError;

    /// Reads `none`, `fixed:200ms`, `uniform:50ms..300ms` or `lognormal:median=800ms,sigma=0.5`.
    fn from_str(text: &str) -> Result<Latency, LatencyError> {
        let read = match text.split_once(':') {
            None if text == "none" || text == "0" => Ok(Latency::None),
            Some(("fixed", span)) => parse_duration(span).map(Latency::Fixed),
            Some(("uniform", range)) => parse_uniform(range),
            Some(("lognormal", parameters)) => parse_log_normal(parameters),
            _ => {
                Err("write none, fixed:200ms, uniform:50ms..300ms or lognormal:median=800ms,sigma=0.5".into())
            }
        };
        read.map_err(|reason| LatencyError { text: text.to_owned(), reason })
    }
}

fn parse_uniform(range: &str) -> Result<Latency, String> {
    let (low, high) = range.split_once("..").ok_or("a uniform latency is a range such as 50ms..300ms")?;
    let (low, high) = (parse_duration(low)?, parse_duration(high)?);
    if low > high {
        return Err("the range ends before it starts".into());
    }
    Ok(Latency::Uniform { low, high })
}

fn parse_log_normal(parameters: &str) -> Result<Latency, String> {
    let (mut median, mut sigma) = (None, None);
    for parameter in parameters.split(',') {
        match parameter.trim().split_once('=') {
            Some(("median", span)) => median = Some(parse_duration(span)?),
            Some(("sigma", number)) => sigma = Some(parse_sigma(number)?),
            _ => return Err(format!("`{parameter}` is neither median=… nor sigma=…")),
        }
    }
    match (median, sigma) {
        (Some(median), Some(sigma)) => Ok(Latency::LogNormal { median, sigma }),
        _ => Err("a lognormal latency needs both median=… and sigma=…".into()),
    }
}

fn parse_sigma(number: &str) -> Result<f64, String> {
    match number.trim().parse::<f64>() {
        Ok(sigma) if (0.0..=5.0).contains(&sigma) => Ok(sigma),
        _ => Err(format!("sigma is a number from 0 to 5, not `{number}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distribution_is_read_from_its_text() {
        assert_eq!("fixed:200ms".parse(), Ok(Latency::Fixed(Duration::from_millis(200))));
        assert_eq!(
            "uniform:50ms..300ms".parse(),
            Ok(Latency::Uniform { low: Duration::from_millis(50), high: Duration::from_millis(300) })
        );
        assert_eq!(
            "lognormal:median=800ms,sigma=0.5".parse(),
            Ok(Latency::LogNormal { median: Duration::from_millis(800), sigma: 0.5 })
        );
        assert_eq!("none".parse(), Ok(Latency::None));
    }

    #[test]
    fn a_latency_that_cannot_be_read_says_what_to_write() {
        let reason = |text: &str| text.parse::<Latency>().unwrap_err().to_string();
        assert!(reason("gamma:1s").contains("fixed:200ms"));
        assert!(reason("uniform:3s..1s").contains("ends before it starts"));
        assert!(reason("lognormal:median=1s").contains("both"));
        assert!(reason("lognormal:median=1s,sigma=-1").contains("from 0 to 5"));
    }

    #[test]
    fn draws_follow_the_distribution() {
        let uniform = Latency::Uniform { low: Duration::from_millis(50), high: Duration::from_millis(150) };
        assert_eq!(uniform.sample(0.5, 0.0), Duration::from_millis(100));
        let log_normal = Latency::LogNormal { median: Duration::from_millis(800), sigma: 0.5 };
        assert_eq!(log_normal.sample(0.0, 0.3), Duration::from_millis(800));
        assert!(log_normal.sample(0.9, 0.0) > Duration::from_millis(800));
    }
}
