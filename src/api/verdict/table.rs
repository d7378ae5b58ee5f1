//! The error table: what the service reports, its meaning, the field it is about, and how to fix it. Pure.
//!
//! The codes and messages are those of the vendor's page "error-code" (September 2026), of its page on rate limits, and
//! those that third parties saw on the wire. The service has two spellings of most codes (`data_inspection_failed` and
//! `DataInspectionFailed`), so codes and messages are compared without regard to case, underscores and dots.

use crate::outcome::FaultKind;

use FaultKind::{CutByServer, JobRefused, RowRefused, Throttled, Transient, Unusable};

/// A rule of the table. An empty list of statuses, codes or words matches anything; the first rule that matches decides.
#[derive(Debug)]
pub(super) struct Rule {
    statuses: &'static [u16],
    codes: &'static [&'static str],
    words: &'static [&'static str],
    /// The kind of fault.
    pub(super) kind: FaultKind,
    /// Whether it asks to slow down because of the number of tokens.
    pub(super) for_tokens: bool,
    /// The field of the request that it is about.
    pub(super) about: Option<&'static str>,
    /// Whether the row is too long for the model.
    pub(super) too_long: bool,
    /// How the user can fix it.
    pub(super) help: Option<&'static str>,
}

/// The default of every rule: it matches anything, and concerns one row.
const ROW: Rule = Rule {
    statuses: &[],
    codes: &[],
    words: &[],
    kind: RowRefused,
    for_tokens: false,
    about: None,
    too_long: false,
    help: None,
};
const JOB: Rule = Rule { kind: JobRefused, ..ROW };
const SLOWER: Rule = Rule { kind: Throttled, ..ROW };
const AGAIN: Rule = Rule { kind: Transient, ..ROW };

/// The statuses with which the service refuses a request for its content.
const WRONG: &[u16] = &[400, 422];

/// The statuses of a service that has problems.
const TROUBLE: &[u16] = &[500, 502, 503, 504];

const PAY: &str = "settle the account's bill in the service's console; the same command then continues";
const FREE_TIER: &str = "the free quota is used up: switch off \"free tier only\" in the service's console, or \
    set another model under [model]";
const PLAN: &str =
    "the plan's quota is used up: wait until it is renewed, or use the key of a pay-as-you-go account";
const KEY: &str = "a key belongs to one region and one plan: do `region` (or `base_url`) and the key under \
    [model] belong together?";
const MODEL: &str = "check the spelling of `name` under [model], and whether this region offers it; `fanfold models` lists \
     known models";
const MODEL_RIGHTS: &str =
    "the key may not use this model: allow it in the service's console, or set another under [model]";
const MODEL_FORM: &str =
    "the service does not offer this model through its OpenAI-compatible API: set another under [model]";
const RIGHTS: &str = "the key may not do this: check its permissions in the service's console";
const BUDGET_LIMIT: &str =
    "the account's own budget is used up: raise it in the service's console; the same command then continues";
const ACTIVATE: &str = "activate the service for this account in its console";
const ADDRESS: &str = "check `base_url`: it ends before /chat/completions; DashScope's ends in \
    /compatible-mode/v1, not in the native /api/v1";
const STREAM: &str = "set `transport = \"stream\"` under [model]";
const STREAM_OR_NO_THINKING: &str =
    "set `transport = \"stream\"` under [model], or `enable_thinking = false` under [request]";
const NO_THINKING: &str = "set `enable_thinking = false` under [request]";
const FORCED: &str = "a function can only be forced without thinking: set `enable_thinking = false` under \
    [request], or `tool_choice = \"auto\"`";
const INSPECTION: &str =
    "the service's content inspection objects to the text: change it, or leave the row out";
const LENGTH: &str =
    "the request is longer than the model accepts: shorten it, or use a model with a longer context";
const MAX_TOKENS: &str = "set `max_tokens` to a value in the range that the service gives";
const BUDGET: &str = "set `thinking_budget` to a value in the range that the service gives";
const EFFORT: &str = "set `reasoning_effort` to a level that `fanfold models` lists for this model, without \
    `thinking_budget` and `enable_thinking`";
const TURNS: &str =
    "a system turn may only come first, the last turn must be the user's, and no user turn may be empty";
const OUT_OF_DATE: &str = "check the clock of this machine; if it is right, the server's certificate has \
    expired, and its owner has to renew it";
const OTHER_NAME: &str = "another server answers instead of this one: check `base_url`, and whether a captive \
    portal (a network login page) is in between";
const UNKNOWN_AUTHORITY: &str = "the responding server cannot prove its identity: is a captive portal or an \
    inspecting proxy in between? To trust a company's own authority, add it to the system's store, or to a file \
    named by SSL_CERT_FILE";
const PROXY: &str = "check the proxy: it is set by HTTPS_PROXY, for plain http:// by HTTP_PROXY, or by \
    ALL_PROXY; NO_PROXY lists the hosts that need none";

#[rustfmt::skip]
static RULES: &[Rule] = &[
    // The account: no request will succeed until its owner acts. Some of these have status 400, some 429.
    Rule { codes: &["Arrearage", "PrepaidBillOverdue", "PostpaidBillOverdue"], help: Some(PAY), ..JOB },
    Rule { words: &["account is in good standing", "#overdue-payment"], help: Some(PAY), ..JOB },
    Rule { codes: &["CommodityNotPurchased"], help: Some(ACTIVATE), ..JOB },
    Rule { codes: &["BudgetLimitExceeded"], help: Some(BUDGET_LIMIT), ..JOB },
    Rule { codes: &["AllocationQuota.FreeTierOnly"], help: Some(FREE_TIER), ..JOB },
    Rule { words: &["free tier of the model has been exhausted", "free allocated quota exceeded"],
           help: Some(FREE_TIER), ..JOB },
    Rule { statuses: &[403], codes: &["insufficient_quota"], help: Some(FREE_TIER), ..JOB },
    Rule { words: &["hour allocated quota exceeded", "week allocated quota exceeded", "month allocated quota exceeded"],
           help: Some(PLAN), ..JOB },

    // The same from gateways and other services: LiteLLM, OpenRouter, DeepSeek, Anthropic, OpenAI.
    Rule { codes: &["budget_exceeded", "insufficient_credits", "insufficient_balance", "billing_hard_limit_reached",
                    "billing_not_active"], help: Some(PAY), ..JOB },
    Rule { words: &["budget has been exceeded", "insufficient credits", "insufficient balance", "requires more credits",
                    "credit balance is too low", "billing hard limit has been reached"], help: Some(PAY), ..JOB },

    // Throttling. `insufficient_quota` with 429 is DashScope's limit of tokens per minute, and ends within a minute.
    Rule { statuses: &[429], codes: &["insufficient_quota", "Throttling.AllocationQuota"], for_tokens: true, ..SLOWER },
    Rule { statuses: &[429, 529], ..SLOWER },
    Rule { codes: &["Throttling", "Throttling.RateQuota", "Throttling.AllocationQuota", "Throttling.BurstRate",
                    "Throttling.Concurrency", "limit_requests", "limit_burst_rate", "ResourceExhausted"], ..SLOWER },
    Rule { words: &["#rate-limit", "#token-limit"], ..SLOWER },
    Rule { statuses: &[400, 500, 502, 503],
           words: &["too many requests", "requests are being throttled", "too many concurrent requests"], ..SLOWER },
    Rule { statuses: &[500, 503], codes: &["ServiceUnavailable"], ..SLOWER },

    // The key.
    Rule { codes: &["invalid_api_key"], help: Some(KEY), ..JOB },
    Rule { words: &["incorrect api key provided", "invalid access token or token expired", "#apikey-error"],
           help: Some(KEY), ..JOB },
    Rule { statuses: &[401], help: Some(KEY), ..JOB },
    Rule { statuses: &[402], help: Some(PAY), ..JOB },

    // The model and the address.
    Rule { codes: &["Endpoint.AccessDenied"], about: Some("model"),
           help: Some("the model has been retired: set another under [model]"), ..JOB },
    Rule { codes: &["Model.AccessDenied"], about: Some("model"),
           help: Some(MODEL_RIGHTS), ..JOB },
    Rule { codes: &["AccessDenied.Unpurchased"], help: Some(ACTIVATE), ..JOB },
    Rule { codes: &["App.AccessDenied", "Workspace.AccessDenied"],
           help: Some("the key belongs to another workspace: use a key and an address of the same one"), ..JOB },
    Rule { statuses: &[403], words: &["access to model denied"], about: Some("model"),
           help: Some(MODEL_RIGHTS), ..JOB },
    Rule { codes: &["access_denied"], help: Some(RIGHTS), ..JOB },
    Rule { statuses: &[403], help: Some(RIGHTS), ..JOB },
    Rule { codes: &["model_not_found"], about: Some("model"), help: Some(MODEL), ..JOB },
    Rule { codes: &["model_not_supported"], about: Some("model"), help: Some(MODEL_FORM), ..JOB },
    Rule { statuses: &[404], words: &["unsupported model"], about: Some("model"), help: Some(MODEL_FORM), ..JOB },
    Rule { statuses: &[400, 404], words: &["model not exist", "does not exist or you do not have access"],
           about: Some("model"), help: Some(MODEL), ..JOB },
    // Gateways and local servers (LiteLLM, OpenRouter, LM Studio, llama-swap) that have lost the model, or never had it.
    Rule { statuses: &[400, 404, 500, 503],
           words: &["invalid model name", "is not a valid model id", "no models loaded", "model is not loaded",
                    "model not loaded", "model unloaded", "model has been unloaded", "no endpoints found for",
                    "could not find suitable inference handler"],
           about: Some("model"), help: Some(MODEL), ..JOB },
    // Other servers (vLLM, Ollama) name the model only in the message.
    Rule { statuses: &[404], words: &["the model `", "the model '", "model '", "model \""], about: Some("model"),
           help: Some(MODEL), ..JOB },
    Rule { statuses: &[301, 308], help: Some("set `base_url` under [model] to the address that it redirects to"), ..JOB },
    Rule { statuses: &[404, 405, 410], help: Some(ADDRESS), ..JOB },

    // Streams and thinking.
    Rule { statuses: &[400], words: &["only support stream mode"], about: Some("stream"), help: Some(STREAM), ..JOB },
    Rule { statuses: &[400], words: &["enable_thinking must be set to false for non-streaming calls"],
           about: Some("enable_thinking"), help: Some(STREAM_OR_NO_THINKING), ..JOB },
    Rule { codes: &["InvalidParameter.NotSupportEnableThinking"], about: Some("enable_thinking"),
           help: Some("this model cannot think: remove `enable_thinking` from [request]"), ..JOB },
    Rule { statuses: &[400], words: &["does not support enable_thinking"], about: Some("enable_thinking"),
           help: Some("this model cannot think: remove `enable_thinking` from [request]"), ..JOB },
    Rule { statuses: &[400], words: &["enable_thinking parameter is restricted to true"], about: Some("enable_thinking"),
           help: Some("this model always thinks: remove `enable_thinking = false` from [request]"), ..JOB },
    Rule { statuses: &[400], words: &["non-streaming mode does not support web search in thinking mode"],
           about: Some("enable_search"), help: Some(STREAM_OR_NO_THINKING), ..ROW },

    // Wrong fields: they concern every row if the job sets them, else this one.
    Rule { statuses: &[400], words: &["json mode response is not supported when enable_thinking is true"],
           about: Some("response_format"), help: Some(NO_THINKING), ..ROW },
    Rule { statuses: &[400], words: &["must contain the word 'json'"], about: Some("response_format"),
           help: Some("say in the prompt that the answer must be JSON"), ..ROW },
    Rule { statuses: WRONG, words: &["tool_choice is one of the strings"], about: Some("tool_choice"),
           help: Some("`tool_choice` must be \"auto\", \"none\" or one function by its name"), ..ROW },
    Rule { statuses: WRONG, words: &["tool_choice parameter does not support"], about: Some("tool_choice"),
           help: Some(FORCED), ..ROW },
    Rule { statuses: WRONG, words: &["range of max_tokens"], about: Some("max_tokens"), help: Some(MAX_TOKENS), ..ROW },
    Rule { statuses: WRONG, words: &["'reasoning_effort' and 'thinking_budget' cannot be set", "'reasoning_effort' must be one of"],
           about: Some("reasoning_effort"), help: Some(EFFORT), ..ROW },
    Rule { statuses: WRONG, words: &["thinking_budget parameter must be"], about: Some("thinking_budget"), help: Some(BUDGET), ..ROW },
    Rule { statuses: WRONG, words: &["- 'seed'"], about: Some("seed"),
           help: Some("`seed` must be a whole number from 0 to 2147483647"), ..ROW },
    Rule { statuses: WRONG, words: &["tool names are not allowed"], about: Some("tools"),
           help: Some("the service reserves this name: give the tool another"), ..ROW },
    Rule { statuses: WRONG, words: &["[] is too short - 'tools'"], about: Some("tools"),
           help: Some("remove the empty `tools`"), ..ROW },
    Rule { statuses: WRONG, words: &["[] is too short"], about: Some("messages"),
           help: Some("a request needs at least one turn"), ..ROW },
    Rule { statuses: WRONG, words: &["暂时不支持当前设置的语种", "current language settings are not supported"],
           about: Some("translation_options"),
           help: Some("give the languages as in the model's list, by English name or code"), ..ROW },

    // The text of one row.
    Rule { codes: &["data_inspection_failed", "content_filter"], about: Some("messages"), help: Some(INSPECTION), ..ROW },
    Rule { codes: &["IPInfringementSuspect", "FaqRuleBlocked", "CustomRoleBlocked"], about: Some("messages"),
           help: Some(INSPECTION), ..ROW },
    Rule { statuses: WRONG, words: &["range of input length", "maximum context length"], about: Some("messages"),
           too_long: true, help: Some(LENGTH), ..ROW },
    Rule { codes: &["context_length_exceeded"], about: Some("messages"), too_long: true, help: Some(LENGTH), ..ROW },
    Rule { codes: &["BadRequest.TooLarge"], about: Some("messages"),
           help: Some("the request has more bytes than the service accepts: shorten it"), ..ROW },
    Rule { statuses: &[413], about: Some("messages"),
           help: Some("the request has more bytes than the service accepts: shorten it"), ..ROW },
    Rule { statuses: WRONG, words: &["input content must be a string"], about: Some("messages"),
           help: Some("this model only reads text: give `content` as text, or use a model with vision"), ..ROW },
    Rule { statuses: WRONG, words: &["role must be user or assistant"], about: Some("messages"), help: Some(TURNS), ..ROW },
    Rule { statuses: WRONG, words: &["required body invalid"],
           help: Some("a field of the request has a format that the service cannot read"), ..ROW },

    // Problems of one row that are reported as a server error.
    Rule { statuses: TROUBLE, words: &["role must be in"], about: Some("messages"),
           help: Some("a translation model accepts one user turn and no system turn"), ..ROW },
    Rule { statuses: TROUBLE, words: &["list index out of range"], about: Some("messages"), help: Some(TURNS), ..ROW },
    Rule { statuses: TROUBLE, words: &["expecting ',' delimiter"], about: Some("messages"),
           help: Some("the arguments of a tool call among the turns are not JSON"), ..ROW },
    Rule { statuses: TROUBLE, words: &["object is not iterable"], about: Some("messages"), help: Some(TURNS), ..ROW },

    // Temporary problems.
    Rule { statuses: &[400], words: &["file parsing in progress"], ..AGAIN },
    Rule { statuses: &[302, 303, 307, 408, 409, 425], ..AGAIN },
    Rule { statuses: TROUBLE,
           codes: &["internal_error", "InternalError.Algo", "InternalError.Timeout", "SystemError", "ModelServiceFailed",
                    "RequestTimeOut", "ResponseTimeout", "ModelUnavailable", "ModelServingError"], ..AGAIN },

    // The server's certificate, in the words of the TLS library.
    Rule { codes: &["bad_certificate"], words: &["expired", "not valid yet"], help: Some(OUT_OF_DATE), ..JOB },
    Rule { codes: &["bad_certificate"], words: &["not valid for name"], help: Some(OTHER_NAME), ..JOB },
    Rule { codes: &["bad_certificate"], help: Some(UNKNOWN_AUTHORITY), ..JOB },
    Rule { codes: &["unreachable"], words: &["through the proxy"], help: Some(PROXY), ..AGAIN },

    // Incomplete answers, under codes of our own.
    Rule { codes: &["cut_by_server"], kind: CutByServer,
           help: Some("ask for less at once, or set a smaller `max_tokens`, and leave `transport` at \"auto\""), ..ROW },
    Rule { codes: &["empty_answer"], words: &["the model reasoned"], kind: Unusable,
           help: Some("raise `max_tokens`, or set `thinking_budget` under [request]"), ..ROW },
];

/// The rule for an error.
pub(super) fn rule(status: u16, codes: &[&str], message: &str) -> Option<&'static Rule> {
    let codes: Vec<String> = codes.iter().map(|code| folded(code)).collect();
    let message = folded(message);
    RULES.iter().find(|rule| rule.fits(status, &codes, &message))
}

impl Rule {
    /// Codes and message are already folded.
    fn fits(&self, status: u16, codes: &[String], message: &str) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && (self.codes.is_empty() || self.codes.iter().any(|code| codes.contains(&folded(code))))
            && (self.words.is_empty() || self.words.iter().any(|words| message.contains(&folded(words))))
    }
}

/// Text in the form that is compared: lower case, without underscores and dots.
pub(super) fn folded(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// Fields that a message may name although no rule of their own exists.
const FIELDS: [&str; 25] = [
    "temperature",
    "top_p",
    "top_k",
    "top_logprobs",
    "logprobs",
    "presence_penalty",
    "repetition_penalty",
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "thinking_budget",
    "enable_thinking",
    "preserve_thinking",
    "reasoning_effort",
    "response_format",
    "enable_search",
    "search_options",
    "enable_code_interpreter",
    "translation_options",
    "stream_options",
    "tool_choice",
    "parallel_tool_calls",
    "tools",
    "stop",
    "n",
];

/// The field that a refusal names, in one of the ways in which the service, or a server with a schema, names one.
pub(super) fn named_field(message: &str) -> Option<&'static str> {
    let message = folded(message);
    FIELDS.into_iter().find(|field| {
        let field = folded(field);
        let named = [
            format!("range of {field} "),
            format!("parameter {field} "),
            format!("parameter: '{field}'"),
            format!("{field} parameter "),
            format!("'{field}' parameter "),
            format!("- '{field}"),
            format!("{field} should be "),
            format!("{field} must be "),
            // FastAPI's servers name a field like this: `body.temperature: …`.
            format!("body{field}: "),
        ];
        named.iter().any(|words| at_a_word(&message, words))
    })
}

/// Whether the words are in the message, and not as the end of a longer word.
fn at_a_word(message: &str, words: &str) -> bool {
    message.match_indices(words).any(|(at, _)| {
        let before = message[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests;
