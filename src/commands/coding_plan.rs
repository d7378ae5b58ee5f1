//! The warning about keys and addresses of subscription plans: their terms exclude jobs and scripts.

use crate::api::key::Key;
use crate::models::is_plan_host;

/// The warning before such a key or address is used for a job, if any.
pub(super) fn warning(base_url: &str, key: Option<&Key>) -> Option<String> {
    let what = match () {
        () if key.is_some_and(Key::is_of_coding_plan) => "this is a Coding Plan key (sk-sp-…)",
        () if is_plan_host(base_url) => "this address belongs to a subscription plan",
        () => return None,
    };
    Some(format!(
        "warning: {what}; such plans are for interactive tools: they do not allow batch jobs and scripts, and \
         the service may suspend the plan or revoke the key\n  = help: use the key and the address of a \
         pay-as-you-go account"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_s_key_or_address_is_warned_of_and_the_key_is_not_shown() {
        let pay_as_you_go = "https://dashscope.aliyuncs.com/compatible-mode/v1";
        let plan = Key::new("sk-sp-verysecret").unwrap();
        let usual = Key::new("sk-ws-verysecret").unwrap();
        let text = warning(pay_as_you_go, Some(&plan)).expect("a warning");
        assert!(text.contains("do not allow batch jobs") && !text.contains("verysecret"), "{text}");
        assert_eq!(warning(pay_as_you_go, Some(&usual)), None);
        assert_eq!(warning(pay_as_you_go, None), None);
        assert!(warning("https://coding-intl.dashscope.aliyuncs.com/v1", Some(&usual)).is_some());
    }
}
