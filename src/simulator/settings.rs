//! The settings of a simulated server, and why it could not start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::latency::Latency;
use super::meter::{MinuteWindow, ServerLimits, TokenCharge};
use super::profile::Profile;
use super::script::Script;
use super::translation_style::TranslationStyle;

/// The settings of a simulated server.
///
/// It has no `Debug`, because it holds a key.
#[derive(Clone)]
pub struct ServerSettings {
    /// The address on which to listen; loopback by default.
    pub bind: IpAddr,
    /// The port; 0 means any free one.
    pub port: u16,
    pub limits: ServerLimits,
    /// How the limits per minute are measured.
    pub window: MinuteWindow,
    /// When a request's tokens count towards the limit per minute.
    pub token_charge: TokenCharge,
    pub latency: Latency,
    /// The only accepted key; without one, any key that is not empty.
    pub api_key: Option<String>,
    /// The faults to inject.
    pub script: Script,
    /// The file to which one line per received request is appended.
    pub witness: Option<PathBuf>,
    /// The seed of all random draws: latencies and the `share` of a fault.
    pub seed: u64,
    pub profile: Profile,
    /// How the translation models write their answers.
    pub translations: TranslationStyle,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            limits: ServerLimits::default(),
            window: MinuteWindow::default(),
            token_charge: TokenCharge::default(),
            latency: Latency::None,
            api_key: None,
            script: Script::default(),
            witness: None,
            seed: 0,
            profile: Profile::default(),
            translations: TranslationStyle::default(),
        }
    }
}

/// Why a simulated server could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("the simulator cannot listen on {address}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("the simulator cannot open its witness log {}", path.display())]
    Witness { path: PathBuf, source: std::io::Error },
    #[error("the simulator cannot start its own thread")]
    Thread { source: std::io::Error },
}
