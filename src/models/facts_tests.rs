//! Checks the built-in table against the figures it was made from.

use super::{Model, ModelEntry, ModelTable, Region};
use crate::job::facts::{Answers, ModelInfo, Thinking};

const MODELS: [&str; 35] = [
    "qwen4-max",
    "qwen3.7-flash",
    "qwen3.8-max",
    "qwen3.8-flash",
    "qwen3.7-max",
    "qwen3.7-plus",
    "qwen3.6-plus",
    "qwen3.6-flash",
    "qwen3.6-max-preview",
    "qwen3.5-plus",
    "qwen3.5-flash",
    "qwen3-max",
    "qwen-max",
    "qwen-plus",
    "qwen-flash",
    "qwen-turbo",
    "qwq-plus",
    "qvq-max",
    "qwen-long",
    "qwen3-coder-next",
    "qwen3-coder-plus",
    "qwen3-coder-flash",
    "qwen3-vl-plus",
    "qwen3-vl-flash",
    "qwen-mt-plus",
    "qwen-mt-flash",
    "qwen-mt-turbo",
    "qwen-mt-lite",
    "qwen-plus-character-ja",
    "qwen-plus-character",
    "qwen3-32b",
    "qwen3-235b-a22b",
    "qwen-math-plus",
    "qwen-doc-turbo",
    "qwen-deep-research",
];

fn found(name: &str, region: Region) -> ModelEntry<'static> {
    ModelTable::built_in().find(name, Some(region)).unwrap_or_else(|| panic!("{name} is not found"))
}

fn model(name: &str) -> &'static Model {
    found(name, Region::Singapore).model
}

fn limits(name: &str, region: Region) -> Option<(u32, u32)> {
    let limits = found(name, region).limits()?;
    Some((limits.requests_per_minute?.get(), limits.tokens_per_minute?.get()))
}

fn price(name: &str, region: Region, prompt_tokens: u64) -> Option<(f64, f64)> {
    found(name, region)
        .price()
        .and_then(|price| price.tier(prompt_tokens).copied())
        .map(|tier| (tier.input, tier.output))
}

#[test]
fn the_built_in_table_can_be_read_and_holds_every_model() {
    let names: Vec<_> = ModelTable::built_in().models().map(|model| model.name.as_str()).collect();
    let mut expected = MODELS;
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn no_full_name_is_given_twice() {
    let mut names: Vec<_> = ModelTable::built_in().names().collect();
    let given = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), given);
}

#[test]
fn every_fact_limit_and_price_has_a_date() {
    for model in ModelTable::built_in().models() {
        let variants = || model.variants.values();
        let mut limits = model.limits.values().chain(variants().flat_map(|variant| variant.limits.values()));
        let mut prices = model.prices.values().chain(variants().flat_map(|variant| variant.prices.values()));
        assert!(model.facts_as_of.is_some(), "{}", model.name);
        assert!(limits.all(|limits| limits.as_of.is_some()), "{}", model.name);
        assert!(prices.all(|prices| prices.as_of.is_some()), "{}", model.name);
    }
}

#[test]
fn context_and_output_are_as_published() {
    let sizes = |name| (model(name).context, model(name).max_output);
    assert_eq!(sizes("qwen3.8-max"), (Some(1_000_000), Some(131_072)));
    assert_eq!(sizes("qwen3.6-plus"), (Some(1_000_000), Some(65_536)));
    assert_eq!(sizes("qwen3-max"), (Some(262_144), Some(65_536)));
    assert_eq!(sizes("qwen-max"), (Some(32_768), Some(8_192)));
    assert_eq!(sizes("qwen-plus"), (Some(1_000_000), Some(32_768)));
    assert_eq!(sizes("qwen-turbo"), (Some(131_072), Some(16_384)));
    assert_eq!(sizes("qwen-long"), (Some(10_000_000), Some(8_192)));
    assert_eq!(sizes("qwen-mt-lite"), (Some(16_384), Some(8_192)));
    assert_eq!(sizes("qwen-plus-character-ja"), (Some(8_192), Some(512)));
    assert_eq!(model("qwen3-coder-next").max_output, None);
}

#[test]
fn the_longest_input_depends_on_thinking_where_the_page_says_so() {
    assert_eq!(model("qwen3.8-max").longest_input(false), Some(991_808));
    assert_eq!(model("qwen3.8-max").longest_input(true), Some(983_616));
    assert_eq!(model("qwen-mt-plus").longest_input(false), Some(8_192));
    assert_eq!(model("qwen-max").longest_input(false), Some(32_768));
}

#[test]
fn limits_are_as_published() {
    assert_eq!(limits("qwen3.7-max", Region::Singapore), Some((600, 1_000_000)));
    assert_eq!(limits("qwen3.6-plus", Region::Singapore), Some((15_000, 5_000_000)));
    assert_eq!(limits("qwen3.6-flash", Region::Beijing), Some((30_000, 10_000_000)));
    assert_eq!(limits("qwen-plus", Region::Singapore), Some((600, 1_000_000)));
    assert_eq!(limits("qwen-flash", Region::Virginia), Some((15_000, 10_000_000)));
    assert_eq!(limits("qwen-mt-plus", Region::Singapore), Some((60, 100_000)));
    assert_eq!(limits("qwen-mt-plus", Region::Beijing), Some((60, 25_000)));
    assert_eq!(limits("qwen-mt-turbo", Region::Beijing), Some((60, 35_000)));
    assert_eq!(limits("qwen-deep-research", Region::Beijing), Some((120, 1_200_000)));
    assert_eq!(limits("qwen3.8-max", Region::Singapore), None);
    assert_eq!(limits("qwen4-max", Region::Singapore), None);
}

#[test]
fn prices_are_as_published() {
    assert_eq!(price("qwen4-max", Region::Singapore, 1), Some((1.5, 4.5)));
    assert_eq!(price("qwen3.8-max", Region::Singapore, 1), Some((2.0, 6.0)));
    assert_eq!(price("qwen3.8-max", Region::HongKong, 1), Some((1.65, 4.951)));
    assert_eq!(price("qwen3.8-flash", Region::Singapore, 1_000_000), Some((0.15, 0.47)));
    assert_eq!(price("qwen3.7-flash", Region::Singapore, 32_000), Some((0.03, 0.13)));
    assert_eq!(price("qwen3.7-flash", Region::Singapore, 32_001), Some((0.1, 0.4)));
    assert_eq!(price("qwen3.7-plus", Region::Singapore, 256_000), Some((0.4, 1.6)));
    assert_eq!(price("qwen3.7-plus", Region::Singapore, 256_001), Some((1.2, 4.8)));
    assert_eq!(price("qwen3.5-plus", Region::Singapore, 256_001), Some((0.5, 3.0)));
    assert_eq!(price("qwen3.5-plus", Region::Beijing, 128_000), Some((0.115, 0.688)));
    assert_eq!(price("qwen3.5-plus", Region::Beijing, 256_001), Some((0.573, 3.44)));
    assert_eq!(price("qwen3.5-flash", Region::Singapore, 1), Some((0.1, 0.4)));
    assert_eq!(price("qwen-plus", Region::Singapore, 256_001), Some((1.2, 3.6)));
    assert_eq!(price("qwen-plus", Region::Beijing, 128_001), Some((0.345, 2.868)));
    assert_eq!(price("qwen-plus", Region::Virginia, 1), Some((0.115, 0.287)));
    assert_eq!(price("qwen-flash", Region::Singapore, 256_001), Some((0.25, 2.0)));
    // In Beijing the flash model costs four times as much beyond 128,000 tokens, and eight times beyond 256,000.
    assert_eq!(price("qwen-flash", Region::Beijing, 128_000), Some((0.022, 0.216)));
    assert_eq!(price("qwen-flash", Region::Beijing, 128_001), Some((0.087, 0.861)));
    assert_eq!(price("qwen-flash", Region::Beijing, 256_001), Some((0.173, 1.721)));
    assert_eq!(price("qwen-mt-flash", Region::Singapore, 1), Some((0.16, 0.49)));
    assert_eq!(price("qwen-mt-flash", Region::Beijing, 1), Some((0.101, 0.28)));
    assert_eq!(price("qwen3.6-flash", Region::Singapore, 1), Some((0.1875, 1.125)));
    assert_eq!(price("qwen3.5-flash", Region::Beijing, 1), Some((0.029, 0.287)));
    assert_eq!(price("qwen-plus", Region::Beijing, 1), Some((0.115, 0.287)));
    assert_eq!(price("qwen-mt-plus", Region::Singapore, 1), Some((2.46, 7.37)));
    assert_eq!(price("qwen-mt-plus", Region::Beijing, 1), Some((0.259, 0.775)));
    let plus = found("qwen-plus", Region::Singapore)
        .price()
        .and_then(|price| price.tier(1).copied())
        .and_then(|tier| tier.thinking_output);
    assert_eq!(plus, Some(4.0));
    let cache = found("qwen3.6-plus", Region::Singapore)
        .price()
        .and_then(|price| price.tier(1).copied())
        .map(|tier| (tier.cache_read, tier.cache_write));
    assert_eq!(cache, Some((Some(0.05), Some(0.625))));
}

#[test]
fn unknown_prices_are_absent() {
    assert_eq!(price("qwen4-max", Region::Beijing, 1), None);
    assert_eq!(price("qwen3.8-flash", Region::Beijing, 1), None);
    assert_eq!(price("qwen-mt-lite", Region::Singapore, 1), None);
    assert_eq!(price("qwen3-max", Region::Beijing, 32_000), Some((0.861, 3.441)));
    assert_eq!(price("qwen3-max", Region::Beijing, 32_001), None);
    assert!(found("qwen3-coder-plus", Region::Singapore).price().is_some_and(|prices| prices.rises));
}

#[test]
fn thinking_and_transport_are_as_published() {
    let nature = |name| (model(name).thinking, model(name).transport);
    let unless_off = Some(Answers::StreamOnlyUnlessThinkingOff);
    assert_eq!(nature("qwen3.6-plus"), (Some(Thinking::On), Some(Answers::Whole)));
    for name in ["qwen-plus", "qwen-flash", "qwen3-max", "qwen3-vl-plus"] {
        assert_eq!(nature(name), (Some(Thinking::Off), Some(Answers::Whole)), "{name}");
    }
    for name in ["qwen4-max", "qwen3.8-max", "qwen3.8-flash", "qwen3.7-flash"] {
        assert_eq!(nature(name), (Some(Thinking::On), Some(Answers::Whole)), "{name}");
    }
    assert_eq!(nature("qwen3-32b"), (Some(Thinking::On), unless_off));
    assert_eq!(nature("qwq-plus"), (Some(Thinking::Always), Some(Answers::StreamOnly)));
    assert_eq!(nature("qwen-mt-plus"), (Some(Thinking::No), Some(Answers::Whole)));
    assert_eq!(nature("qwen3.6-max-preview"), (Some(Thinking::On), None));
}

#[test]
fn a_hybrid_needs_a_stream_only_when_it_thinks() {
    let needs_stream = |name: &str, enable_thinking| {
        let &Model { thinking, transport, .. } = model(name);
        ModelInfo { thinking, transport, ..ModelInfo::default() }.needs_stream(enable_thinking)
    };
    assert_eq!(needs_stream("qwen-plus", None), Some(false));
    assert_eq!(needs_stream("qwen-plus", Some(true)), Some(false));
    assert_eq!(needs_stream("qwen3-32b", None), Some(true));
    assert_eq!(needs_stream("qwen3-32b", Some(false)), Some(false));
    assert_eq!(needs_stream("qwen3.5-plus", None), Some(false));
    assert_eq!(needs_stream("qwen3.6-max-preview", None), None);
}

#[test]
fn only_some_models_accept_tools() {
    assert_eq!(model("qwen-plus").function_calling, Some(true));
    assert_eq!(model("qwen-mt-plus").function_calling, Some(false));
    assert_eq!(model("qwen3-vl-flash").function_calling, None);
}
