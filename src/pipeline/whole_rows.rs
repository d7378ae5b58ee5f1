//! What rows that are cut would cost in one request each: to compare with what their pieces cost.

use super::Opened;
use super::piece_size::of_prompt;
use super::row_requests::RowRequests;

/// Rows that are cut, as if each were one request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WholeRows {
    /// The rows.
    pub rows: u64,
    /// Those of them that are longer than the model reads, or than its price is known for.
    pub too_long: u64,
    /// The cost of the prompts of the others.
    pub prompts: f64,
}

impl WholeRows {
    /// Adds a row.
    pub(super) fn add(&mut self, opened: &Opened, row: &RowRequests) {
        let job = &opened.job;
        let (Some(splitter), Some(price)) = (opened.splitter(), &job.price) else { return };
        let tokens = (splitter.tokens)(row.text()).saturating_add(of_prompt(job));
        let facts = job.model.name.as_deref().map(|name| job.facts_of(name)).unwrap_or_default();
        let is_read = facts.max_input_tokens.is_none_or(|longest| tokens <= longest);
        self.rows += 1;
        match price.tier(tokens).filter(|_| is_read) {
            Some(tier) => self.prompts += tokens as f64 * tier.input / 1e6,
            None => self.too_long += 1,
        }
    }
}
