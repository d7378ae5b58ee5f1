//! The regions of the service. Keys, limits and prices belong to a region, and the host determines it.
//!
//! Hosts are from the vendor's page on base URLs (2026-10-11), and those of its two newer sites as seen in use (2026-09).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::diagnostic::nearest;
use crate::job::address::BATCH_CHAT_URL;

/// A region of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", rename_all = "kebab-case")]
pub enum Region {
    /// The home of the international site.
    Singapore,
    /// The home of the site in China.
    Beijing,
    /// The United States. The vendor's figures for "US / Global" are kept here.
    Virginia,
    /// Hong Kong; its shared host is reportedly being retired.
    HongKong,
    /// Germany; workspace hosts only.
    Frankfurt,
    /// Japan; workspace hosts only.
    Tokyo,
}

/// A text that names no known region.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a known region (singapore, beijing, virginia, hong-kong, frankfurt or tokyo){hint}",
    text = .0,
    hint = meant(.0)
)]
pub struct UnknownRegion(String);

/// The region that a misspelt name is nearest to, as a question.
fn meant(text: &str) -> String {
    let name = nearest(text, Region::ALL.map(Region::name));
    name.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Where a limit or a price applies: in one region of the service, or at every address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Scope {
    /// In this region.
    In(Region),
    /// At every address without its own figures, this service's or any other's: `any`.
    Any,
}

/// A text that names neither a region nor `any`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a region (singapore, beijing, virginia, hong-kong, frankfurt, tokyo) nor `any`")]
pub struct UnknownScope(String);

impl TryFrom<String> for Scope {
    type Error = UnknownScope;

    fn try_from(text: String) -> Result<Self, UnknownScope> {
        match text.as_str() {
            "any" => Ok(Self::Any),
            region => region.parse().map(Self::In).map_err(|_| UnknownScope(text)),
        }
    }
}

/// The figures for an address: those of its region, else those for every address.
pub(super) fn at<T>(figures: &BTreeMap<Scope, T>, region: Option<Region>) -> Option<&T> {
    region.and_then(|region| figures.get(&Scope::In(region))).or_else(|| figures.get(&Scope::Any))
}

impl Region {
    /// Every region, Singapore first.
    pub const ALL: [Self; 6] =
        [Self::Singapore, Self::Beijing, Self::Virginia, Self::HongKong, Self::Frankfurt, Self::Tokyo];

    /// The name as written in files and on the command line: `singapore`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Singapore => "singapore",
            Self::Beijing => "beijing",
            Self::Virginia => "virginia",
            Self::HongKong => "hong-kong",
            Self::Frankfurt => "frankfurt",
            Self::Tokyo => "tokyo",
        }
    }

    /// The service's own name, as in workspace hosts: `ap-southeast-1`. Hong Kong's and Tokyo's are unconfirmed.
    pub fn id(self) -> &'static str {
        match self {
            Self::Singapore => "ap-southeast-1",
            Self::Beijing => "cn-beijing",
            Self::Virginia => "us-east-1",
            Self::HongKong => "cn-hongkong",
            Self::Frankfurt => "eu-central-1",
            Self::Tokyo => "ap-northeast-1",
        }
    }

    /// The base URL on the host that all workspaces share; `None` if there are only workspace hosts.
    pub fn base_url(self) -> Option<&'static str> {
        match self {
            Self::Singapore => Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
            Self::Beijing => Some("https://dashscope.aliyuncs.com/compatible-mode/v1"),
            Self::Virginia => Some("https://dashscope-us.aliyuncs.com/compatible-mode/v1"),
            Self::HongKong => Some("https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1"),
            Self::Frankfurt | Self::Tokyo => None,
        }
    }

    /// The base URL on the host of one workspace.
    pub fn workspace_url(self, workspace: &str) -> String {
        format!("https://{workspace}.{}.maas.aliyuncs.com/compatible-mode/v1", self.id())
    }

    /// The region that a base URL's host belongs to.
    ///
    /// `None` for every other host, and for the hosts of subscription plans, to which neither pay-as-you-go prices nor
    /// limits apply. Trial hosts belong to their region, though their limits are lower.
    pub fn from_base_url(base_url: &str) -> Option<Self> {
        let host = host_of(base_url);
        if is_batch_chat(base_url) {
            return Some(Self::Beijing);
        }
        if let Some((_, region)) = OTHER_HOSTS.iter().find(|(other, _)| *other == host) {
            return Some(*region);
        }
        let shared = |region: &Self| region.base_url().is_some_and(|url| host_of(url) == host);
        Self::ALL.into_iter().find(shared).or_else(|| Self::from_workspace_host(&host))
    }

    /// `{workspace}.{region}.maas.aliyuncs.com`
    fn from_workspace_host(host: &str) -> Option<Self> {
        let (workspace, region) = host.strip_suffix(".maas.aliyuncs.com")?.split_once('.')?;
        let pay_as_you_go = !workspace.is_empty() && workspace != "token-plan";
        Self::ALL.into_iter().find(|known| pay_as_you_go && known.id() == region)
    }
}

/// Other hosts, and the region whose prices and limits apply there.
const OTHER_HOSTS: [(&str, Region); 3] = [
    ("maas.qwencloudapi.com", Region::Singapore),
    ("ap-southeast-1.maas.qwencloudapi.com", Region::Singapore),
    ("maas.qianwenaiapi.com", Region::Beijing),
];

/// Whether a base URL's host is that of Batch Chat.
pub fn is_batch_chat(base_url: &str) -> bool {
    host_of(base_url) == host_of(BATCH_CHAT_URL)
}

/// Whether a base URL's host is that of a subscription plan, whose terms exclude jobs and scripts.
pub fn is_plan_host(base_url: &str) -> bool {
    let host = host_of(base_url);
    let coding = ["coding.dashscope.aliyuncs.com", "coding-intl.dashscope.aliyuncs.com"];
    let vendors = [".maas.aliyuncs.com", ".maas.qwencloudapi.com", ".maas.qianwenaiapi.com"];
    let token_plan = host.starts_with("token-plan.") && vendors.iter().any(|vendor| host.ends_with(vendor));
    token_plan || coding.contains(&host.as_str())
}

impl FromStr for Region {
    type Err = UnknownRegion;

    /// Reads a region's name, its service id, or a common word for it (`intl`, `cn`, `us`), in any case.
    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let word = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        match word.as_str() {
            "intl" | "international" => Ok(Self::Singapore),
            "cn" | "china" => Ok(Self::Beijing),
            "us" => Ok(Self::Virginia),
            "hongkong" | "hk" => Ok(Self::HongKong),
            "eu" | "germany" => Ok(Self::Frankfurt),
            "japan" => Ok(Self::Tokyo),
            _ => Self::ALL
                .into_iter()
                .find(|region| region.name() == word || region.id() == word)
                .ok_or_else(|| UnknownRegion(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Region {
    type Error = UnknownRegion;

    fn try_from(text: String) -> Result<Self, UnknownRegion> {
        text.parse()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The host of a URL in lower case, without user, port or final dot.
fn host_of(url: &str) -> String {
    let rest = url.trim().split_once("://").map_or(url.trim(), |(_, rest)| rest);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = host_and_port.split(':').next().unwrap_or_default();
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_base_url_leads_back_to_its_region() {
        for region in Region::ALL {
            if let Some(url) = region.base_url() {
                assert_eq!(Region::from_base_url(url), Some(region));
            }
        }
        assert_eq!(Region::Frankfurt.base_url(), None);
    }

    #[test]
    fn a_workspace_host_is_known_by_its_region_id() {
        for region in Region::ALL {
            assert_eq!(Region::from_base_url(&region.workspace_url("ws-1")), Some(region));
        }
    }

    #[test]
    fn the_host_decides_whatever_surrounds_it() {
        let beijing = Some(Region::Beijing);
        assert_eq!(Region::from_base_url("HTTPS://DashScope.aliyuncs.com.:443/v1?x=1"), beijing);
        assert_eq!(Region::from_base_url("dashscope.aliyuncs.com"), beijing);
        assert_eq!(Region::from_base_url("https://batch.dashscope.aliyuncs.com/compatible-mode/v1"), beijing);
        let cloud = "https://maas.qwencloudapi.com/compatible-mode/v1";
        assert_eq!(Region::from_base_url(cloud), Some(Region::Singapore));
        assert_eq!(
            Region::from_base_url("https://ap-southeast-1.maas.qwencloudapi.com/v1"),
            Some(Region::Singapore)
        );
        assert_eq!(Region::from_base_url("https://maas.qianwenaiapi.com/compatible-mode/v1"), beijing);
        assert_eq!(Region::from_base_url("https://dashscope.aliyuncs.com@example.com/v1"), None);
        assert_eq!(Region::from_base_url("https://example.com/dashscope.aliyuncs.com"), None);
        assert_eq!(Region::from_base_url("https://dashscope.aliyuncs.com.example.com"), None);
    }

    #[test]
    fn other_hosts_and_plan_hosts_have_no_region() {
        for url in [
            "",
            "http://127.0.0.1:8080/v1",
            "https://api.openai.com/v1",
            "https://coding.dashscope.aliyuncs.com/v1",
            "https://coding-intl.dashscope.aliyuncs.com/v1",
            "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
            "https://token-plan.maas.qwencloudapi.com/compatible-mode/v1",
            "https://cn-beijing.maas.aliyuncs.com/v1",
        ] {
            assert_eq!(Region::from_base_url(url), None, "{url}");
        }
    }

    #[test]
    fn the_hosts_of_plans_are_known_whatever_surrounds_them() {
        for url in [
            "https://coding.dashscope.aliyuncs.com/v1",
            "https://Coding-Intl.dashscope.aliyuncs.com:443/v1",
            "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
            "https://token-plan.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
            "https://token-plan.maas.qwencloudapi.com/compatible-mode/v1",
            "https://token-plan.maas.qianwenaiapi.com/compatible-mode/v1",
        ] {
            assert!(is_plan_host(url), "{url}");
        }
        for url in [
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "https://ws-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
            "https://coding.dashscope.aliyuncs.com.example.com/v1",
            "http://127.0.0.1:8080/coding.dashscope.aliyuncs.com",
        ] {
            assert!(!is_plan_host(url), "{url}");
        }
    }

    #[test]
    fn a_region_is_read_from_its_name_its_id_and_common_words() {
        for region in Region::ALL {
            assert_eq!(region.name().parse(), Ok(region));
            assert_eq!(region.id().to_uppercase().parse(), Ok(region));
        }
        assert_eq!("Hong Kong".parse(), Ok(Region::HongKong));
        assert_eq!("intl".parse(), Ok(Region::Singapore));
        assert_eq!("us".parse(), Ok(Region::Virginia));
        assert_eq!("atlantis".parse::<Region>(), Err(UnknownRegion("atlantis".to_owned())));
    }
}
